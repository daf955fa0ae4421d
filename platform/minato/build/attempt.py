"""The story of one build: two containers, five phases, one image."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, BinaryIO

from minato.build import containers, faults, inputs, places, result
from minato.build.analyze import analyze
from minato.build.build import build
from minato.build.detect import detect
from minato.build.export import export
from minato.build.lines import CLOSING, Splitter, kind_of
from minato.build.order import app_last
from minato.build.restore import restore
from minato.build.tidy import cleanup
from minato.build.watch import Watch
from minato.drivers.blobs import Blobs
from minato.drivers.engine import Engine
from minato.drivers.registry import Registry
from minato.errors import Cancelled, PlatformError
from minato.values.build import BuildPlan, BuildResult, Phase
from minato.values.config import Config
from minato.values.engine import Exec

Say = Callable[[str, str], None]
# Control groups v1 and v2; the one that is not there is a complaint nobody reads.
TICK = 0.5  # seconds between two looks at cancel and deadline while both containers are prepared
OOM_COUNTERS = ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")


def run(
    plan: BuildPlan,
    *,
    engine: Engine,
    registry: Registry,
    blobs: Blobs,
    config: Config,
    say: Say,
    phase: Callable[[Phase], None],
    stop: Callable[[], bool],
    made: Callable[[BuildResult], None] = lambda done: None,
) -> BuildResult:
    """Make the image of a plan and return what the registry has; containers and volumes are gone when it returns.

    `say(kind, text)` gets the transcript (head, body, warn), `phase` each phase as it ends, `stop` is asked about
    twice a second, `made` is told the result while containers and volumes are still to go: 0.2 s earlier.
    Raises UserError, PlatformError `build:*` or Cancelled.
    """
    watch = Watch(total=config.times.build, silence=config.times.build_silence, stop=stop)
    attempt = _Attempt(plan, engine, registry, blobs, config, say, phase, watch)
    cleanup(build=plan.build, fence=plan.fence, engine=engine, config=config)  # what a superseded attempt left
    try:
        done = attempt.go()
        made(done)
        return done
    except Cancelled:
        raise watch.error or Cancelled() from None
    finally:
        cleanup(build=plan.build, fence=plan.fence, engine=engine, config=config)


@dataclass(frozen=True)
class _Ran:
    phase: Phase
    lines: list[str]


class _Attempt:
    """One attempt. `say`, `phase` and `stop` are called by the caller's own thread alone: they may use its database."""

    def __init__(
        self,
        plan: BuildPlan,
        engine: Engine,
        registry: Registry,
        blobs: Blobs,
        config: Config,
        say: Say,
        phase: Callable[[Phase], None],
        watch: Watch,
    ) -> None:
        self.plan, self.engine, self.registry, self.blobs, self.config = plan, engine, registry, blobs, config
        self.say, self.phase, self.watch = say, phase, watch
        self.names = places.Names(config.ns, plan)
        self.phases: list[Phase] = []

    def go(self) -> BuildResult:
        self.say("head", f"Building with builder {self.plan.stack.name}@{_short(self.plan.stack.builder)}")
        self._prepare()
        self._phase("detect", detect(), self.names.untrusted)
        self._phase("restore", restore(), self.names.trusted)
        self._phase("build", build(), self.names.untrusted, loud=True)
        exported = self._export()
        digest = app_last(self.plan.repository, self._exported(), self.plan.tag, self.registry)
        done = result.collect(self.plan, self.registry, digest, exported, self.phases)
        self._succeeded(done)
        return done

    def _export(self) -> list[str]:
        """Export while the untrusted container goes: from here on nothing of the source may run."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            gone = pool.submit(self.engine.remove_container, self.names.untrusted)
            lines = self._phase("export", export(self.plan), self.names.trusted)
        gone.result()
        return lines

    def _succeeded(self, done: BuildResult) -> None:
        took = time.monotonic() - self.watch.began
        layers = "1 layer" if done.reused_layers == 1 else f"{done.reused_layers} layers"
        reused = f", {layers} reused" if done.reused_layers else ""
        self.say("head", f"Build succeeded in {took:.1f}s (image {_short(done.digest)}{reused})")

    def _preflight(self) -> None:
        """The lifecycle would notice a missing run image only when it exports."""
        for image in (self.plan.stack.run, self.plan.stack.builder):
            if not self.registry.digest(image):
                raise PlatformError(
                    code="build:platform:no-image",
                    message=f"The registry has lost the image {image}.",
                    hint="The operators must start the platform again: it writes its images anew.",
                )

    def _prepare(self) -> None:
        """Start both containers at once; the source streams into one while the other reads the registry."""
        began = time.monotonic()
        self.engine.pull(self.plan.stack.builder)
        labels = self.names.labels
        kept = {"minato.ns": self.config.ns, "minato.app": self.plan.app}
        with ThreadPoolExecutor(max_workers=4) as pool:
            made = [pool.submit(self.engine.ensure_volume, name, labels) for name in self.names.volumes]
            for volume in [*made, pool.submit(self.engine.ensure_volume, self.names.cache, kept)]:
                volume.result()
            parts = [pool.submit(self._preflight), pool.submit(self._untrusted)]
            analyzed = pool.submit(self._trusted)
            every: list[Future[Any]] = [*parts, analyzed]
            while wait(every, timeout=TICK).not_done:
                self.watch.over()
        for part in parts:
            part.result()
        self._ended(analyzed.result(), self.names.trusted)
        self._note(Phase(name="prepare", seconds=time.monotonic() - began, exit_code=0))

    def _trusted(self) -> _Ran:
        self.engine.start(containers.trusted(self.plan, self.config))
        self._feed(self.names.trusted, inputs.unpack_platform(), io.BytesIO(inputs.platform_tar(self.plan)))
        return self._run("analyze", analyze(self.plan), self.names.trusted, stop=self.watch.rang)

    def _untrusted(self) -> None:
        self.engine.start(containers.untrusted(self.plan, self.config))
        with self.blobs.open(self.plan.source) as source:
            self._feed(self.names.untrusted, inputs.unpack_source(), source)

    def _feed(self, container: str, command: Exec, content: BinaryIO) -> None:
        code, lines = self._exec(container, command, stdin=content, stop=self.watch.rang)
        if code:
            raise PlatformError(
                code="build:platform:source", message="A tar could not be unpacked.", evidence=faults.last(lines)
            )

    def _phase(self, name: str, command: Exec, container: str, *, loud: bool = False) -> list[str]:
        """Run one phase and return its lines; a loud one is the transcript. Raises what `faults` says."""
        return self._ended(self._run(name, command, container, loud=loud, stop=self.watch.over), container)

    def _run(self, name: str, command: Exec, container: str, *, stop: Callable[[], bool], loud: bool = False) -> _Ran:
        began = time.monotonic()
        code, lines = self._exec(container, command, loud=loud, stop=stop)
        return _Ran(Phase(name=name, seconds=time.monotonic() - began, exit_code=code), lines)

    def _ended(self, ran: _Ran, container: str) -> list[str]:
        self._note(ran.phase)
        code, name = ran.phase.exit_code, ran.phase.name
        if code:
            oom = container == self.names.untrusted and self._oom()
            raise faults.of(name, code, ran.lines, oom=oom, root=self._root() if name == "detect" else ())
        return ran.lines

    def _note(self, phase: Phase) -> None:
        self.phases.append(phase)
        self.phase(phase)

    def _exec(
        self,
        container: str,
        command: Exec,
        *,
        stop: Callable[[], bool],
        stdin: BinaryIO | None = None,
        loud: bool = False,
    ) -> tuple[int, list[str]]:
        splitter, lines = Splitter(), _Lines(self.say if loud else None)

        def output(data: bytes) -> None:
            self.watch.heard()
            lines.add(splitter.feed(data))

        code = self.engine.exec(container, command, output=output, stdin=stdin, stop=stop)
        self.watch.heard()
        lines.add(splitter.end())
        return code, lines.kept

    def _exported(self) -> str:
        """Return the digest of what the exporter wrote under this attempt's tag: nobody else may write it."""
        digest = self.registry.digest(self.plan.tag)
        if not digest:
            raise PlatformError(code="build:platform:export", message="The exporter left no image.")
        return digest

    def _root(self) -> list[str]:
        _, lines = self._exec(self.names.untrusted, Exec(argv=("ls", "-A", places.APP)), stop=self.watch.over)
        return lines

    def _oom(self) -> bool:
        """The engine's own flag stays false while the container's first process lives: the kernel's counter tells."""
        _, lines = self._exec(self.names.untrusted, Exec(argv=("cat", *OOM_COUNTERS)), stop=self.watch.over)
        return any(re.match(r"^oom_kill [1-9]", line) for line in lines)


class _Lines:
    """The lines of one command: passed on if somebody listens, the last ones kept."""

    MOST = 2000

    def __init__(self, say: Say | None) -> None:
        self.say = say
        self.kept: list[str] = []

    def add(self, lines: list[str]) -> None:
        for line in lines:
            if self.say and not CLOSING.match(line):
                self.say(*kind_of(line))
        self.kept = [*self.kept, *lines][-self.MOST :]


def _short(reference: str) -> str:
    """Return sha256: and 12 hex of a digest or of a reference by digest."""
    return "sha256:" + reference.rpartition("sha256:")[2][:12]
