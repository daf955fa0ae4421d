"""A warm one-line change of a Flask app, from `git push` to its new content served, each stage beside its floor.

    python bench/push_to_live.py [--rounds 7] [--first 3] [--run var/run.json] [--write]

Needs a running platform. Every round measures the floors and then the push; all that it creates is removed again.
"""

from __future__ import annotations

import argparse
import secrets
import shlex
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from bench import floors, machine, page
from bench.figures import Figures, Row, table
from bench.place import ROOT, Place
from bench.pushes import Checkout, Pushed, new_word
from minato.errors import MinatoError
from minato.values.config import Config

PHASES = ("analyze", "detect", "restore", "build", "export")
SERVED = ("floor git", "floor phases", "floor pull", "floor service")
ROWS = (
    Row("**push to new content served**", "to served", "the four floors below together", SERVED),
    Row("receive: push to the “Building” line", "receive", "`git push` to a folder on this disk", ("floor git",)),
    Row("– git, source, until the row is there", "receive: git, source, row"),
    Row("– row to a builder's hands", "receive: row to builder"),
    Row("build: “Building” to “Build succeeded”", "build", "five phases by hand, containers run", ("floor phases",)),
    Row("– containers, source in, analyze at once", "build: prepare"),
    *(Row(f"– {name}", f"build: {name}", "by hand", (f"floor {name}",)) for name in PHASES),
    Row("– its row, start to finish", "build: row, start to finish"),
    Row(
        "release and schedule: to healthy",
        "release+schedule",
        "bare pull, bare service",
        ("floor pull", "floor service"),
    ),
    Row("– to the “Release” line", "release"),
    Row("– to the “healthy” line", "schedule", "create to first answer", ("floor service",)),
    Row("– a pull of one changed layer", "floor pull"),
    Row("switch: “healthy” to new content served", "switch"),
    Row("last word: served to the end of `git push`", "last word"),
    Row("whole `git push`", "whole push"),
    Row("**first push of a new app, to served**", "first: to served", "`uv pip install`, empty cache", ("floor uv",)),
    Row("– receive", "first: receive"),
    Row("– its build", "first: build", "the same", ("floor uv",)),
    Row("– – of which containers, source in, analyze", "first: build: prepare"),
    Row("– – of which the phase build", "first: build: build", "the same", ("floor uv",)),
    Row("– – of which export", "first: build: export"),
    Row("– release and schedule, every layer pulled", "first: release+schedule"),
)


@dataclass
class Bench:
    """One run. `stack` takes away what was made, last things first."""

    place: Place
    folder: Path
    stack: ExitStack
    figures: Figures = field(default_factory=Figures)
    visits: int = 0
    failed: int = 0

    def app(self, kind: str) -> tuple[str, Checkout]:
        """Create an app and its checkout; both go at the end."""
        name = f"bench-{kind}-{secrets.token_hex(4)}"
        uid = self.place.create_app(name)
        self.stack.callback(self.place.delete_app, name, uid)
        return name, Checkout(self.folder / name, self.place.git_url(name), self.place.token)

    def first(self, rounds: int) -> None:
        for number in range(rounds):
            self.figures.add({"floor uv": floors.uv_install(self.folder)})
            self._counted(self._push(*self.app("first")), "first: ")
            say(f"first push {number + 1} of {rounds}: {self.figures.samples['first: to served'][-1]:.2f} s")

    def warm(self, rounds: int) -> None:
        """Push a changed line `rounds` times, each time after the floors of the same change."""
        by_hand = floors.Lifecycle(self.place, self.stack)
        bare = self.folder / "bare.git"
        name, checkout = self.app("warm")
        checkout.git("init", "--quiet", "--bare", str(bare))
        image = str(self._push(name, checkout).build["image"])
        checkout.push_to(str(bare))
        for number in range(rounds):
            word = new_word()
            checkout.commit(word)
            self._floors(by_hand, checkout, bare, word, image)
            pushed = checkout.push(self.place, name, word)
            image = str(pushed.build["image"])
            self._counted(pushed)
            say(f"warm push {number + 1} of {rounds}: {self.figures.samples['to served'][-1]:.2f} s")

    def _floors(self, by_hand: floors.Lifecycle, checkout: Checkout, bare: Path, word: str, image: str) -> None:
        took = by_hand.phases(word)
        self.figures.add({"floor phases": took.pop(""), **{f"floor {name}": one for name, one in took.items()}})
        self.figures.add({"floor git": checkout.push_to(str(bare)), "floor pull": by_hand.pull()})
        self.figures.add({"floor service": floors.service(self.place, image)})

    def _push(self, name: str, checkout: Checkout) -> Pushed:
        word = new_word()
        checkout.commit(word)
        return checkout.push(self.place, name, word)

    def _counted(self, pushed: Pushed, prefix: str = "") -> None:
        self.figures.add(pushed.stages(), prefix)
        if not prefix:  # before its first push an app has nothing to fail
            self.visits += pushed.visits
            self.failed += pushed.failed


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def removed() -> Iterator[ExitStack]:
    """Yield a stack that is unwound also after Ctrl-C or TERM, which then wait until all is removed."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, end) for number in signals}
    stack = ExitStack()
    try:
        yield stack
    finally:
        for number in signals:
            signal.signal(number, lambda *_: say("removing what was made; a moment"))
        say("removing what was made")
        try:
            stack.close()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def measure(place: Place, rounds: int, first: int) -> list[str]:
    """Run everything and return the report's lines."""
    place.check()
    before = machine.load()
    with removed() as stack:
        floors.tidy(place)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="minato-bench-")))
        stack.callback(floors.tidy, place)
        bench = Bench(place, folder, stack)
        bench.first(first)
        bench.warm(rounds)
        loads = f"load average {before} at the start, {machine.load()} at the end"
    seen = f"{bench.visits:,} visits beside the pushes; {bench.failed:,} failed while a running app was changed"
    facts = "; ".join(f"{name} {value}" for name, value in machine.facts(place.engine, place.config.root).items())
    counted = f"{rounds} warm rounds, {first} first pushes; {loads}."
    return [*table(bench.figures, ROWS), "", counted, "", f"{seen}.", "", f"{facts}."]


def main(argv: list[str]) -> int:
    """Measure and print; with --write also put it into docs/performance.md."""
    parser = argparse.ArgumentParser(prog="push_to_live", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=7, help="warm pushes that are measured")
    parser.add_argument("--first", type=int, default=3, help="first pushes of a new app")
    parser.add_argument("--run", type=Path, default=Config.from_env().var / "run.json", help="run.json of the platform")
    parser.add_argument("--write", action="store_true", help="replace the section of docs/performance.md")
    wish = parser.parse_args(argv)
    try:
        lines = measure(Place(wish.run), max(1, wish.rounds), max(1, wish.first))
    except MinatoError as error:
        say("\n".join(f" !     {line}" for line in error.lines()))
        return 1
    print("\n".join(lines))
    if wish.write:
        command = shlex.join(["python", "bench/push_to_live.py", *argv])
        page.write(ROOT / "docs" / "performance.md", "push_to_live", [f"`{command}`", "", *lines])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
