"""Ships what runs on this node prints: to the live stream within 0.3 s, and to the store, each at its own pace.

Two followers read the same files, so that a store that is away keeps no line from the live tail, and a stream that is
away none from the store: what they have not taken waits in the files. Lines have ids, so that twice is once.
"""

from __future__ import annotations

import functools
import logging
import resource
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.logfile import Chunk, LogFile, Place
from agent.offsets import Offsets
from agent.trim import trim
from minato.drivers.engine import Engine
from minato.drivers.streams import Streams
from minato.drivers.telemetry import Telemetry
from minato.errors import PlatformError
from minato.observe.lines import Joiner, Origin, encode, router_lines
from minato.values.config import Config
from minato.values.engine import Instance
from minato.values.log import Line

Send = Callable[[list[Line]], None]

log = logging.getLogger(__name__)

LIVE = 0.05  # seconds between two looks at the files
STORE = 0.5
LIST = 1.0  # between two looks at the engine
KEPT = 1.0
RETRY = 0.5
MOST = 8 << 20  # bytes of one batch
TRIM = 16 << 20  # bytes of the router's log that are worth giving back
ROUTER = "router"
# What is live is a cache in memory, for every app at once: 2,000 lines of 4 KiB at most; the store has all of it.
LIVE_LINES, LIVE_TEXT = 2000, 4096


@dataclass(frozen=True)
class Source:
    """One log file; `origin` is None for the router's."""

    path: Path
    origin: Origin | None


class Reader:
    """One source at one follower's pace."""

    def __init__(self, source: Source, place: Place | None, node: str) -> None:
        self.source = source
        self.node = node
        self.file = LogFile(source.path, place)
        self.joiner = Joiner(source.origin) if source.origin else None
        self._generation = place.generation if place else ""

    def lines(self) -> tuple[list[Line], int]:
        """Return the next lines and how many bytes they were."""
        gaps = self.file.gaps
        chunk = self.file.read()
        found = list(self._lost()) if self.file.gaps > gaps else []
        if chunk is None:
            return found, 0
        found += self._parse(chunk)
        return found, len(chunk.data)

    def last(self) -> list[Line]:
        """Return what was begun and will not be ended; the file is closed."""
        self.file.close()
        return list(self.joiner.flush(self._generation)) if self.joiner else []

    @property
    def place(self) -> Place | None:
        """From here a new reader goes on: before the first record of a line that has not ended."""
        place = self.file.place
        begun = self.joiner.begun if self.joiner else None
        return Place(place.inode, place.generation, begun) if place and begun is not None else place

    def _parse(self, chunk: Chunk) -> Iterator[Line]:
        if self.joiner is None:
            yield from router_lines(chunk.data, node=self.node, generation=chunk.generation, offset=chunk.offset)
            return
        if chunk.generation != self._generation:
            yield from self.joiner.flush(self._generation)
            self._generation = chunk.generation
        yield from self.joiner.feed(chunk.data, generation=chunk.generation, offset=chunk.offset)

    def _lost(self) -> Iterator[Line]:
        """Say that a file went before it was read."""
        origin = self.source.origin
        if origin:
            now = datetime.now(UTC)
            text = "Lines are missing here: the log was rotated away before it could be stored."
            id_ = f"{origin.container}:gap:{now.timestamp():.6f}"
            yield Line(id=id_, at=now, app=origin.app, source="minato", process="logs", text=text, level="warning")


class Follower:
    """Reads all sources for one receiver, in order per source; places move when it has taken the lines."""

    def __init__(
        self,
        name: str,
        *,
        sources: Callable[[], Mapping[str, Source]],
        places: Offsets,
        node: str,
        send: Send,
        stop: threading.Event,
        pause: float,
        durable: bool,
    ) -> None:
        self.name = name
        self.sources = sources
        self.offsets = places
        self.node = node
        self.send = send
        self.pause = pause
        self.durable = durable
        self.stop = stop
        self.readers: dict[str, Reader] = {}
        self._away = False
        self._moved: float | None = None  # since when places wait to be kept

    def run(self) -> None:
        """Follow until `stop`."""
        while not self.stop.is_set():
            if not self.step():
                self._rest()

    def step(self) -> bool:
        """Ship one batch; say whether there was more than fits."""
        sources = self._meet()
        lines, size = self._batch()
        full = size >= MOST
        gone = [] if full else [key for key in self.readers if key not in sources]
        for key in gone:
            lines += self.readers[key].last()
        if not self._sent(lines):
            return False
        for key in gone:
            del self.readers[key]
        if size or gone:
            self._moved = self._moved or time.monotonic()
        self._keep(gone)
        return full

    def _meet(self) -> Mapping[str, Source]:
        """Open what is new at once: a container may print, end and be removed before its lines are due."""
        sources = self.sources()
        for key in sources.keys() - self.readers.keys():
            self.readers[key] = Reader(sources[key], self.offsets.get(self.name, key), self.node)
        for key in sources:
            self.readers[key].file.hold()
        return sources

    def _rest(self) -> None:
        until = time.monotonic() + self.pause
        while time.monotonic() < until and not self.stop.wait(LIVE):
            self._meet()

    def _keep(self, gone: list[str]) -> None:
        """Keep the places: at once and for sure, or once a second where a line seen twice is no harm."""
        if self._moved is None:
            return
        if self.durable or gone or time.monotonic() - self._moved >= KEPT:
            places = {key: place for key, reader in self.readers.items() if (place := reader.place) is not None}
            self.offsets.commit(self.name, places, gone, sync=self.durable)
            self._moved = None

    def _batch(self) -> tuple[list[Line], int]:
        """Return the next lines of all sources and how many bytes they were."""
        lines: list[Line] = []
        size = 0
        more = True
        while more:
            more = False
            for reader in self.readers.values():
                found, read = reader.lines()
                lines += found
                size += read
                more = more or read > 0
                if size >= MOST:
                    return lines, size
        return lines, size

    def _sent(self, lines: list[Line]) -> bool:
        """Hand over a batch, again and again while the receiver is away; false when we are told to stop."""
        while lines:
            try:
                self.send(lines)
                break
            except PlatformError as error:
                if not self._away:
                    log.warning("%s: %d lines wait: %s %s", self.name, len(lines), error.message, error.evidence)
                self._away = True
                self._meet()
                if self.stop.wait(RETRY):
                    return False
        if lines and self._away:
            log.info("%s: back, catching up", self.name)
            self._away = False
        return True


class Catalogue:
    """The log files of this node: every container of ours that runs an app's process, and the router's."""

    def __init__(self, engine: Engine, config: Config, offsets: Offsets, stop: threading.Event) -> None:
        self.engine = engine
        self.offsets = offsets
        self.stop = stop
        self.router = Source(config.logs / "router.log", None)
        self.sources: Mapping[str, Source] = {ROUTER: self.router}
        self._pruned = False
        self._again = threading.Event()

    def run(self) -> None:
        """Look at the engine every second and at each of its events; while it is away, the last look stands."""
        while not self.stop.is_set():
            self._again.wait(LIST)
            self._again.clear()
            self.look()

    def listen(self) -> None:
        """Have `run` look at once when a container starts or ends."""
        while not self.stop.is_set():
            try:
                for _ in self.engine.events(time.time()):
                    self._again.set()
            except PlatformError as error:
                log.debug("no events: %s", error.message)
            self.stop.wait(RETRY)

    def look(self) -> None:
        try:
            instances = self.engine.instances({})
        except PlatformError:
            return
        found = {seen.container: source for seen in instances if (source := source_of(seen)) is not None}
        self.sources = {ROUTER: self.router, **found}
        if not self._pruned:
            self.offsets.prune(self.sources)
            self._pruned = True


def source_of(instance: Instance) -> Source | None:
    """Return the log of an app's container; None for builds and for what is not an app's."""
    labels = instance.labels
    app, process = labels.get("minato.app", ""), labels.get("minato.process", "")
    if not (app and process and instance.log_path) or "minato.build" in labels:
        return None
    name = f"{process}.{instance.ordinal or 1}"
    origin = Origin(app=app, process=name, release=labels.get("minato.release", ""), container=instance.container[:12])
    return Source(Path(instance.log_path), origin)


def publish(streams: Streams) -> Callable[[list[Line]], None]:
    """Return what puts lines into their apps' live streams."""

    def send(lines: Iterable[Line]) -> None:
        by_app: dict[str, list[tuple[str, Mapping[str, str]]]] = defaultdict(list)
        for line in lines:
            by_app[line.app].append(("*", {"l": encode(line.cut(LIVE_TEXT))}))
        for app, entries in by_app.items():
            streams.add(f"log:{app}", entries, most=LIVE_LINES)

    return send


def ship(*, config: Config, engine: Engine, streams: Streams, telemetry: Telemetry, stop: threading.Event) -> None:
    """Ship until `stop`. Raises RuntimeError when one of its threads has died."""
    _allow_many_files()
    offsets = Offsets(config.var / "data" / "agent" / "offsets.json")
    catalogue = Catalogue(engine, config, offsets, stop)
    catalogue.look()
    follower = functools.partial(
        Follower, sources=lambda: catalogue.sources, places=offsets, node=config.node, stop=stop
    )
    live = follower("live", send=publish(streams), pause=LIVE, durable=False)
    store = follower("store", send=telemetry.write, pause=STORE, durable=True)
    threads = [
        threading.Thread(target=catalogue.run, name="logs-catalogue", daemon=True),
        threading.Thread(target=catalogue.listen, name="logs-events", daemon=True),
        threading.Thread(target=live.run, name="logs-live", daemon=True),
        threading.Thread(target=store.run, name="logs-store", daemon=True),
    ]
    for thread in threads:
        thread.start()
    trimmed = 0
    while not stop.wait(LIST):
        taken = offsets.least(ROUTER, ("live", "store"))
        if not trimmed <= taken < trimmed + TRIM:
            trim(catalogue.router.path, taken)
            trimmed = taken
        dead = [thread.name for thread in threads if not thread.is_alive()]
        if dead:
            raise RuntimeError(f"{', '.join(dead)} died")
    for thread in threads:
        if thread.name != "logs-events":  # it may wait for an engine that is silent
            thread.join(timeout=5.0)


def _allow_many_files() -> None:
    """Two open files per container: take as many as the system lets us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
