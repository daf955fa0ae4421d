"""A deploy's story as it happens: its own stream, with its build's spliced in where the deploy names it.

The id of an entry is the place to go on from: `3-4` in the deploy's stream, `3-4~1-17` in the build's that was
spliced in at `3-4`. Redis is a cache: what it lost is told from the store and the rows.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from django.conf import settings

from apps.deploys.models import Deploy
from doors.database import ask
from doors.hub import Hub, hub
from minato.drivers.streams.wire import number
from minato.drivers.wiring import drivers
from minato.errors import PlatformError
from minato.observe.story import entry
from minato.values.log import Line

LOOK = 1.0  # seconds between two looks at the row while nothing comes
LAST = "999999999-0"  # the id of an end that the row tells: after everything
MOST_STORED = 20_000

Event = tuple[str, dict[str, str]]


@dataclass(frozen=True)
class Row:
    """What the rows say of a deploy and its build."""

    app: str
    state: str
    code: str
    message: str
    build: str
    build_state: str

    @property
    def over(self) -> bool:
        return self.state in Deploy.OVER

    @property
    def build_over(self) -> bool:
        return self.over or self.build_state in ("succeeded", "failed", "cancelled")

    def end(self) -> Event:
        outcome = self.state if self.state in ("failed", "cancelled") else "live"
        return LAST, {"k": "end", "t": outcome, "code": self.code, "message": self.message}


@dataclass
class Place:
    """How far a reader has come: in the deploy's stream, and in each build's that was spliced in."""

    deploy: str = "0-0"
    build: str = ""  # the place inside the build that was spliced in at `deploy`, or ""
    builds: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, after: str) -> Place:
        """Read an event id; anything malformed is the beginning."""
        deploy, _, build = after.partition("~")
        try:
            number(deploy), number(build)
        except ValueError:
            return cls()
        return cls(deploy=deploy or "0-0", build=build)


async def follow(deploy_uid: str, *, after: str = "") -> AsyncGenerator[Event, None]:
    """Yield a deploy's entries and its build's, and end after the deploy's `end`; nothing for an unknown deploy.

    An entry has `k` (head, body, warn, phase, end) and `t`; the end also `code` and `message`. `after` is the id of
    the last entry that was seen. Survives a lost Redis by looking at the rows every second.
    """
    row = await ask(_row, deploy_uid)
    if row is None:
        return
    story = _Story(deploy_uid, Place.of(after), hub())
    lost = row.over and await story.lost()
    async with aclosing(story.stored(row) if lost else story.told()) as events:
        async for event in events:
            yield event
            if event[1].get("k") == "end":
                return


class _Story:
    def __init__(self, uid: str, place: Place, streams: Hub) -> None:
        self.uid = uid
        self.place = place
        self.hub = streams

    async def lost(self) -> bool:
        """Say whether Redis has nothing of this deploy."""
        try:
            return await self.hub.streams.ends(f"deploy:{self.uid}") == ("", "")
        except PlatformError:
            return True

    async def told(self) -> AsyncGenerator[Event, None]:
        """Yield what the streams bring; when they stay silent and the row is over, the rest from the store."""
        async for event in self._resumed():
            yield event
        silent = 0
        async with aclosing(self.hub.follow(f"deploy:{self.uid}", after=self.place.deploy, block=LOOK)) as batches:
            async for batch in batches:
                for id_, fields in batch:
                    async for event in self._entry(id_, fields):
                        yield event
                row = await ask(_row, self.uid) if not batch else None
                silent = silent + 1 if row is not None and row.over else 0
                if row is not None and silent > 1:
                    async for event in self.stored(row, gone=await self.lost()):
                        yield event

    async def _entry(self, id_: str, fields: dict[str, str]) -> AsyncGenerator[Event, None]:
        """Yield one entry of the deploy, or all of the build that it names."""
        self.place.deploy, self.place.build = id_, ""
        if fields.get("k") != "build":
            yield id_, fields
            return
        uid = fields.get("t", "")
        async for event in self._build(uid, self.place.builds.get(uid, "0-0")):
            yield event

    async def stored(self, row: Row, *, gone: bool = True) -> AsyncGenerator[Event, None]:
        """Yield what the store kept after our place (if the stream is gone) and the end as the row has it."""
        if gone:
            lines = await ask(_stored, row.app, self.uid, row.build)
            for event in after_place(lines, self.uid, self.place):
                yield event
        yield row.end()

    async def _resumed(self) -> AsyncGenerator[Event, None]:
        """Go on inside the build that the last seen id names; builds spliced in before it are complete."""
        if self.place.deploy == "0-0":
            return
        for id_, fields in await self._seen():
            if fields.get("k") == "build" and number(id_) <= number(self.place.deploy):
                self.place.builds[fields.get("t", "")] = LAST
                if id_ == self.place.deploy and self.place.build:
                    async for event in self._build(fields.get("t", ""), self.place.build):
                        yield event

    async def _seen(self) -> list[Event]:
        try:
            return await self.hub.streams.read(f"deploy:{self.uid}", limit=MOST_STORED)
        except PlatformError:
            return []

    async def _build(self, uid: str, after: str) -> AsyncGenerator[Event, None]:
        """Yield a build's entries after `after`, up to its end or until its row is over and nothing comes."""
        self.place.builds[uid] = after
        silent = 0
        async with aclosing(self.hub.follow(f"build:{uid}", after=after, block=LOOK)) as batches:
            async for batch in batches:
                for id_, fields in batch:
                    if fields.get("k") == "end":
                        self.place.builds[uid] = id_
                        return
                    yield self._of_build(uid, id_, fields)
                row = await ask(_row, self.uid) if not batch else None
                silent = silent + 1 if row is not None and row.build_over else 0
                if row is not None and silent > 1:
                    break
        for line in await ask(_stored, row.app if row else "", "", uid):
            if number(line.id) > number(self.place.builds[uid]):
                yield self._of_build(uid, line.id, entry(line))

    def _of_build(self, uid: str, id_: str, fields: dict[str, str]) -> Event:
        self.place.build = self.place.builds[uid] = id_
        return f"{self.place.deploy}~{id_}", fields


def after_place(lines: list[Line], deploy: str, place: Place) -> list[Event]:
    """Return stored lines of a deploy and its build, in order of time, as events after `place`."""
    events: list[Event] = []
    at, begin = "0-0", 0
    for line in sorted(lines, key=lambda line: (line.at, number(line.id))):
        own = line.build == deploy
        at = line.id if own else at
        events.append((line.id if own else f"{at}~{line.id}", entry(line)))
        seen = number(line.id) <= number(place.deploy if own else place.build)
        begin = len(events) if seen else begin
    return events[begin:]


def _row(uid: str) -> Row | None:
    found = (
        Deploy.objects.filter(uid=uid)
        .values_list("app__uid", "state", "code", "message", "build__uid", "build__state")
        .first()
    )
    return Row(*(value or "" for value in found)) if found else None


def _stored(app: str, deploy: str, build: str) -> list[Line]:
    """Return the stored lines of a deploy and a build; none while the store is away."""
    telemetry = drivers(settings.MINATO).telemetry
    try:
        return [
            line
            for stream in (deploy, build)
            if stream
            for line in telemetry.lines(app, limit=MOST_STORED, build=stream)
        ]
    except PlatformError:
        return []
