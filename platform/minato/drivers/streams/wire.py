"""What both Redis clients of ours share: limits, keys and the form of an answer."""

from __future__ import annotations

from typing import Any

from minato.drivers.streams import MOST as MOST
from minato.drivers.streams import Entry

KEEP = 7 * 86_400  # seconds: a stream that nobody ended goes by itself
NUDGE_SECONDS = 60
REFUSED = "equal or smaller"  # redis t_stream.c: XADD below the stream's top item


def nudge_key(channel: str) -> str:
    return f"nudge:{channel}"


def decode(answer: Any) -> list[Entry]:
    """Return redis-py's `[(id, {field: text})]` without tombstones."""
    return [(str(id_), {str(k): str(v) for k, v in fields.items()}) for id_, fields in answer if fields]


def number(id_: str) -> tuple[int, int]:
    """Return `<fence>-<seq>` as two numbers that compare; a missing part is 0."""
    first, _, second = id_.partition("-")
    return int(first or 0), int(second or 0)
