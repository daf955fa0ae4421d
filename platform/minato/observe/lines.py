"""From what programs print to Line values: Docker's json-file records, and the router's own lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from minato.route import logformat
from minato.values.log import Line

LONGEST = 64 * 1024  # characters of a joined line; Docker cuts at 16 KiB, what is longer than this stays cut
NO_PLACE = "<NOSRV>"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LEVEL = re.compile(
    r"\b(crit(?:ical)?|fatal|emerg(?:ency)?|panic|error|err|warn(?:ing)?|notice|info|debug|trace)\b", re.IGNORECASE
)
LEVELS = {
    "c": "error",
    "f": "error",
    "p": "error",
    "w": "warning",
    "n": "info",
    "i": "info",
    "d": "debug",
    "t": "debug",
}
WITHIN = 120  # characters of a line in which its level is looked for
# C1 controls too (U+009B begins a sequence in some terminals), and what turns the direction of a line or breaks it.
CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]|\x1b(?!\[[0-9;]*m)"
)
DESCRIPTIONS = {
    "H10": "App crashed",
    "H12": "Request timeout",
    "H13": "Connection closed without response",
    "H14": "No web processes running",
    "H18": "Request interrupted",
    "H20": "App boot timeout",
    "H21": "Backend connection refused",
    "H27": "Client request interrupted",
    "H80": "Maintenance mode",
    "H99": "Platform error",
}


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Whose container prints: public ids, and what people call the process (`web.1`)."""

    app: str
    process: str
    release: str
    container: str  # 12 hex


def level(text: str) -> str:
    """Return error, warning, info, debug or "", by the first word of the line's beginning that is a level."""
    found = LEVEL.search(text, 0, WITHIN)
    if not found:
        return ""
    word = found[1].lower()
    return "error" if word.startswith("e") else LEVELS[word[0]]


def clean(text: str) -> str:
    """Return text that cannot steer a terminal or a page: colours stay, other control bytes go."""
    text = text.rstrip("\r\n")
    if "\r" in text:
        text = text.replace("\r", " ")
    return CONTROL.sub("", text) if CONTROL.search(text) else text


@dataclass
class Joiner:
    """Turns one container's records into lines; a line that Docker cut at 16 KiB is one line again.

    The id of a line is `<container>:<generation>:<offset of its first record>`.
    """

    origin: Origin
    _open: dict[str, tuple[int, str, list[str]]] = field(default_factory=dict)  # stream -> offset, time, parts

    def feed(self, records: bytes, *, generation: str, offset: int) -> Iterator[Line]:
        """Yield the lines of whole records that begin at `offset` of the file `generation`; a broken record is none."""
        for record in records.split(b"\n")[:-1]:
            try:
                found = orjson.loads(record)
                yield from self._record(found["stream"], found["log"], found["time"], generation, offset)
            except (ValueError, KeyError, TypeError):
                pass
            offset += len(record) + 1

    def flush(self, generation: str) -> Iterator[Line]:
        """Yield what was begun and will not be ended."""
        for stream in list(self._open):
            begun, at, parts = self._open.pop(stream)
            yield self._line("".join(parts), at, generation, begun)

    @property
    def begun(self) -> int | None:
        """Return the offset of the earliest record that waits for its end."""
        return min((offset for offset, _, _ in self._open.values()), default=None)

    def _record(self, stream: str, text: str, at: str, generation: str, offset: int) -> Iterator[Line]:
        begun, began_at, parts = self._open.pop(stream, (offset, at, []))
        parts.append(text)
        if text.endswith("\n") or sum(map(len, parts)) >= LONGEST:
            yield self._line("".join(parts), began_at, generation, begun)
        else:
            self._open[stream] = (begun, began_at, parts)

    def _line(self, text: str, at: str, generation: str, offset: int) -> Line:
        text = clean(text)
        return Line(
            id=f"{self.origin.container}:{generation}:{offset:012}",
            at=moment(at),
            app=self.origin.app,
            source="app",
            process=self.origin.process,
            text=text,
            release=self.origin.release,
            level=level(text),
            container=self.origin.container,
        )


def moment(at: str) -> datetime:
    """Read Docker's RFC 3339 in UTC with up to nine digits; microseconds are kept. Raises ValueError."""
    return datetime.fromisoformat(at)


def router_lines(raw: bytes, *, node: str, generation: str, offset: int) -> Iterator[Line]:
    """Yield the lines of whole router log lines that begin at `offset`; those that belong to no app are left out."""
    for row in raw.split(b"\n")[:-1]:
        line = _request(row, f"{node}:{generation}:{offset:012}")
        if line is not None:
            yield line
        offset += len(row) + 1


def _request(row: bytes, id: str) -> Line | None:
    """Return a request's line; None for a notice, a broken row, and a host that leads to no app."""
    try:
        found = logformat.fields(row.decode("utf-8", "replace"))
        return _router_line(found, id) if found.get("app", "-") not in ("", "-") else None
    except (ValueError, KeyError):
        return None


def _router_line(found: dict[str, str], id: str) -> Line:
    code = logformat.code(found)
    status = int(found["status"]) if found["status"].isdigit() else 0
    process, _, container = found["server"].rpartition(".") if found["server"] != NO_PLACE else ("", "", "")
    return Line(
        id=id,
        at=EPOCH + timedelta(microseconds=int(found["t"])),
        app=found["app"],
        source="minato",
        process="router",
        text=router_text(found, code, process),
        release=found["release"].strip("-"),
        level="error" if code else "info",
        status=status,
        container=container,
    )


def router_text(found: dict[str, str], code: str, process: str) -> str:
    """Return a router line in Heroku's words."""
    fault = f'at=error code={code} desc="{DESCRIPTIONS.get(code, "Error")}"' if code else "at=info"
    return " ".join(
        (
            fault,
            f"method={found['method']}",
            f"path={_quoted(found['path'])}",
            f"host={_bare(found['host'])}",
            f"request_id={_bare(found['request_id'])}",
            f"fwd={_quoted(found['fwd'])}",
            f"process={process}",
            f"connect={_ms(found['tc'])}",
            f"service={logformat.service_ms(found)}ms",
            f"status={found['status']}",
            f"bytes={found['bytes']}",
            f"protocol={found['protocol']}",
        )
    )


def _ms(value: str) -> str:
    return "" if value.startswith("-") else f"{value}ms"


def _quoted(value: str) -> str:
    return json.dumps(clean(value), ensure_ascii=False)


def _bare(value: str) -> str:
    """Return a value that needs no quotes as it is: nobody forges a field by a header."""
    return value if re.fullmatch(r"[\w.:\-\[\]]*", value) else _quoted(value)


def encode(line: Line) -> str:
    """Return a line as the field `l` of `log:<app>` has it: one JSON object, `at` as RFC 3339."""
    return orjson.dumps(line).decode()


def decode(text: str) -> Line:
    """Read what `encode` wrote. Raises ValueError or TypeError on anything else."""
    found: dict[str, Any] = orjson.loads(text)
    return Line(**{**found, "at": datetime.fromisoformat(found["at"])})
