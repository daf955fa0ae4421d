"""An app's log as it comes: what is stored, then what is live, each line once."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime

from django.conf import settings

from doors.database import ask
from doors.hub import Hub, hub
from doors.sse import Event
from minato.drivers.streams import Entry
from minato.drivers.streams.wire import number
from minato.drivers.wiring import drivers
from minato.errors import PlatformError
from minato.observe.lines import decode
from minato.values.log import Filter, Line

MOST_MISSED = 1000  # lines from the store, after a reader came back too late
IDLE = 15.0
LONGEST = 4096  # characters of a line, live or stored: each reader has its own copy of a thousand


async def follow(app: str, *, wanted: Filter, newest: int, after: str) -> AsyncGenerator[Event, None]:
    """Yield `line` events: the newest `newest` lines and then each new one; or all after the id `after`.

    A `gap` event says that lines are missing between two. Never ends by itself.
    """
    streams = hub()
    events, after, seen = await (
        _since(streams, app, after, wanted) if after else _newest(streams, app, newest, wanted)
    )
    for event in events:
        yield event
    async with aclosing(streams.follow(f"log:{app}", after=after, block=IDLE)) as batches:
        async for batch in batches:
            for id_, line in lines(batch):
                if line.id not in seen and wanted.takes(line):
                    yield shown(line, id_)
            seen = set() if batch else seen


def lines(batch: list[Entry]) -> list[tuple[str, Line]]:
    return [(id_, decode(fields["l"])) for id_, fields in batch if "l" in fields]


def shown(line: Line, id_: str = "") -> Event:
    """Return a line as pages read it."""
    return Event("line", {**vars(line), "at": line.at.isoformat(timespec="microseconds")}, id_)


async def _newest(streams: Hub, app: str, most: int, wanted: Filter) -> tuple[list[Event], str, set[str]]:
    """Return the last lines of store and stream together, the place to follow from, and what has been shown."""
    try:
        ring = lines(await streams.streams.tail(f"log:{app}", limit=MOST_MISSED))
    except PlatformError:
        ring = []
    kept = await ask(_stored, app, most, wanted)
    ids = {line.id: id_ for id_, line in ring}
    merged = {line.id: line for line in [*kept, *(line for _, line in ring if wanted.takes(line))]}
    last = sorted(merged.values(), key=lambda line: (line.at, line.id))[-most:] if most else []
    after = ring[-1][0] if ring else "0-0"
    return [shown(line, ids.get(line.id, "")) for line in last], after, set(merged)


async def _since(streams: Hub, app: str, after: str, wanted: Filter) -> tuple[list[Event], str, set[str]]:
    """Return what a reader that comes back has missed beyond the stream's memory."""
    try:
        oldest, _ = await streams.streams.ends(f"log:{app}")
        ring = set(line.id for _, line in lines(await streams.streams.tail(f"log:{app}", limit=MOST_MISSED)))
    except PlatformError:
        return [], after, set()
    if not oldest or number(oldest) <= number(after):
        return [], after, set()
    since = datetime.fromtimestamp(number(after)[0] / 1000, UTC).isoformat()
    missed = await ask(_stored, app, MOST_MISSED, wanted, since)
    events = [shown(line) for line in missed if line.id not in ring]
    if len(missed) == MOST_MISSED or not missed:
        events.insert(0, Event("gap", {"text": "Lines are missing here."}))
    return events, "0-0", {line.id for line in missed} - ring


def _stored(app: str, most: int, wanted: Filter, since: str = "") -> list[Line]:
    """Return stored lines; none while the store is away."""
    try:
        telemetry = drivers(settings.MINATO).telemetry
        return telemetry.lines(app, limit=most, since=since, longest=LONGEST, **vars(wanted)) if most else []
    except PlatformError:
        return []
