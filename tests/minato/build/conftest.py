"""A plan, and a platform of fakes on which builds succeed unless a test says otherwise."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from minato import build
from minato.drivers.blobs.files import FileBlobs
from minato.drivers.engine.fake import FakeEngine
from minato.drivers.engine.scripted import Answer
from minato.drivers.registry.fake import FakeRegistry
from minato.values.build import BuildPlan, Phase, Stack
from minato.values.config import Config

HOST = "127.0.0.1:5000"
PROCESSES = [
    {"type": "web", "command": ["bash", "-c"], "args": ["gunicorn app:app"]},
    {"type": "task", "command": ["python", "a b.py"], "args": ["--now"]},
]
OUTPUT = (
    b"-----> Python 3.13 app detected (requirements.txt)\n       Resolved\n !     careful\n\x1b[31mred\x1b[0m\x07\n"
)


def image(registry: FakeRegistry, reference: str, labels: dict[str, str] | None = None) -> str:
    """Write an image of one layer and return it by digest."""
    registry.blobs["base", "x"] = b""
    path = reference.partition("/")[2].partition(":")[0]
    registry.blobs[path, "sha256:" + "0" * 64] = b"layer"
    digest = registry.push(reference, layers=["sha256:" + "0" * 64], config={"config": {"Labels": labels or {}}})
    return f"{reference.rpartition(':')[0]}@{digest}"


@dataclass
class Platform:
    """Fakes, and what a build said to them."""

    engine: FakeEngine
    registry: FakeRegistry
    blobs: FileBlobs
    config: Config
    plan: BuildPlan
    said: list[tuple[str, str]] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)

    def run(self, *, stop=lambda: False, plan: BuildPlan | None = None, made=lambda done: None):
        return build.run(
            plan or self.plan,
            engine=self.engine,
            registry=self.registry,
            blobs=self.blobs,
            config=self.config,
            say=lambda kind, text: self.said.append((kind, text)),
            phase=self.phases.append,
            stop=stop,
            made=made,
        )

    def exports(self, *, processes=PROCESSES, run: str = "") -> str:
        """Let the exporter write an image with these processes on this run image; return its digest."""
        labels = {
            "io.buildpacks.build.metadata": json.dumps(
                {"processes": processes, "buildpacks": [{"id": "minato/python", "version": "1"}]}
            ),
            "io.buildpacks.lifecycle.metadata": json.dumps({"runImage": {"reference": run or self.plan.stack.run}}),
        }
        digest = image(self.registry, self.plan.tag, labels).rpartition("@")[2]
        lines = b"Reusing layer 'minato/python:venv'\nAdding layer 'x'\nReusing layer 'launcher'\n"
        self.engine.answer(("/cnb/lifecycle/exporter",), Answer(output=lines))
        return digest

    def programs(self) -> list[str]:
        return [command.argv[0].rpartition("/")[2] for _, command, _ in self.engine.ran]


@pytest.fixture
def platform(tmp_path, config) -> Platform:
    registry, blobs = FakeRegistry(), FileBlobs(tmp_path / "blobs")
    source = blobs.scratch()
    source.write_bytes(b"a canonical tar")
    stack = Stack(
        name="minato/trixie",
        builder=image(registry, f"{HOST}/builder:trixie"),
        run=image(registry, f"{HOST}/run-python:3.13"),
        run_name=f"{HOST}/run-python:3.13",
    )
    plan = BuildPlan(
        build="b_aaaaaaaaaa",
        app="a_aaaaaaaaaa",
        number=7,
        fence=2,
        source=blobs.put(source),
        commit="4f2c1aa" + "0" * 33,
        stack=stack,
        repository=f"{HOST}/apps/a_aaaaaaaaaa",
        previous=f"{HOST}/apps/a_aaaaaaaaaa@sha256:{'1' * 64}",
        env={"DEBUG": "1"},
    )
    made = Platform(FakeEngine(ns=config.ns), registry, blobs, config, plan)
    made.exports()
    made.engine.answer(("/cnb/lifecycle/builder",), Answer(output=OUTPUT))
    return made
