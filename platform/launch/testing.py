"""`make test`: lint, types, unit tests; then a platform in these namespaces, driver contracts and journeys on it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from launch import runjson
from launch.steps import Steps, warn
from minato.values.config import Config

TYPED = ("platform", "apps", "bench", "manage.py")
UNIT = ("tests", "--ignore", "tests/journeys", "-m", "not engine and not journey")
ENGINE = ("tests", "--ignore", "tests/journeys", "-m", "engine")
JOURNEYS = ("tests/journeys",)


@dataclass
class Suite:
    """Runs steps and remembers which failed."""

    config: Config
    steps: Steps = field(default_factory=Steps)
    failed: list[str] = field(default_factory=list)

    def take(self, name: str, argv: list[str], **environment: str) -> bool:
        """Run one step to its end, whatever the others did; return whether it went well."""
        try:
            with self.steps.step(name):
                subprocess.run(argv, cwd=self.config.root, env={**os.environ, **environment}, check=True)
        except subprocess.CalledProcessError:
            self.failed.append(name)
            return False
        return True

    def lint(self) -> None:
        """Form, import rules and types."""
        self.take("ruff check", [tool("ruff"), "check", "--quiet", "."])
        self.take("ruff format", [tool("ruff"), "format", "--check", "--quiet", "."])
        self.take("import rules", [tool("lint-imports")])
        self.take("mypy", [tool("mypy"), *TYPED])

    def unit(self) -> None:
        self.take("unit tests", pytest(*UNIT))

    def platform(self) -> None:
        """Driver contracts on an engine alone, then journeys on the whole; ended whatever happens."""
        try:
            self.engine()
            self.journeys()
        finally:
            self.take("platform down", launch("stop"))

    def engine(self) -> None:
        """Without a control group: its reconciler removes services that no row knows."""
        if self.take("engine up", launch("up", "--engine")):
            self.take("driver contracts", pytest(*ENGINE))

    def journeys(self) -> None:
        run_json = str(runjson.file_of(self.config))
        if self.take("platform up", launch("up")):
            self.take("journeys", pytest(*JOURNEYS), MINATO_TEST_RUN_JSON=run_json)

    def report(self) -> int:
        """Print where the time went and what failed; return the exit code."""
        print("-----> Where the time went")
        print(self.steps.table())
        for name in self.failed:
            warn(f"failed: {name}")
        return 1 if self.failed else 0


def tool(name: str) -> str:
    """Return the path of a program of the virtual environment."""
    return str(Path(sys.executable).with_name(name))


def pytest(*words: str) -> list[str]:
    return [sys.executable, "-m", "pytest", *words]


def launch(*words: str) -> list[str]:
    return [sys.executable, "-m", "launch", *words]


def main(argv: list[str]) -> int:
    """Run all parts, or those that `--only` names."""
    wish = argparse.ArgumentParser(prog="python -m launch.testing", description=__doc__)
    wish.add_argument("--only", choices=["lint", "unit", "platform", "engine", "journeys"], action="append", default=[])
    only = wish.parse_args(argv).only or ["lint", "unit", "platform"]
    suite = Suite(Config.from_env())
    if {"platform", "engine", "journeys"} & {*only} and "MINATO_TEST_SHELL" not in os.environ:
        warn("The platform of a test runs in namespaces of its own only: type `make test`.")
        return 1
    for part in only:
        getattr(suite, part)()
    return suite.report()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
