"""The store over ClickHouse's HTTP interface: telemetryd here, a ClickHouse server when it has grown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson

import minato
from minato.drivers.telemetry import LONGEST, away
from minato.drivers.telemetry.key import shared_key
from minato.errors import PlatformError
from minato.values.log import Line

SCHEMA = Path(str(minato.__path__[0])) / "observe" / "schema"
LARGEST = 8 << 20  # bytes of one insert
SHORT = "app, build, id, source, process, release, level, status, container"
COLUMNS = f"{SHORT}, text"
# One character more than is wanted, so that a text that was cut is known. Not named `text`: conditions mean the column.
SHOWN = "leftUTF8(text, {longest:UInt32} + 1) AS shown"
APPLIED = """CREATE TABLE IF NOT EXISTS migrations (name String, at DateTime DEFAULT now())
    ENGINE = MergeTree ORDER BY name SETTINGS fsync_after_insert = 1"""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})  # as ClickHouse reads param_*
WORD = re.compile(r"\S+")


class ClickHouseTelemetry:
    """Implements Telemetry; threads may share it."""

    def __init__(self, url: str, keys: Path, *, schema: Path = SCHEMA) -> None:
        self.schema = schema
        self.keys = keys
        self.client = httpx.Client(base_url=url, timeout=httpx.Timeout(30.0, connect=2.0))
        self._key = ""

    def migrate(self) -> list[str]:
        self._post(APPLIED)
        done = {row["name"] for row in self.query("SELECT name FROM migrations", {})}
        files = [file for file in sorted(self.schema.glob("*.sql")) if file.name not in done]
        for file in files:
            for statement in filter(str.strip, file.read_text().split(";\n")):
                self._post(statement)
            self._post("INSERT INTO migrations (name) FORMAT JSONEachRow", orjson.dumps({"name": file.name}))
        return [file.name for file in files]

    def write(self, lines: Iterable[Line]) -> None:
        for batch in _batches(lines):
            self._post(f"INSERT INTO lines (at, {COLUMNS}) FORMAT JSONEachRow", batch)

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        asked = {f"param_{name}": str(value).translate(ESCAPED) for name, value in parameters.items()}
        answer = self._post(f"{sql} FORMAT JSONEachRow", params=asked)
        return [orjson.loads(row) for row in answer.splitlines()]

    def lines(
        self,
        app: str,
        *,
        limit: int = 200,
        before: str = "",
        since: str = "",
        build: str = "",
        source: str = "",
        process: str = "",
        level: str = "",
        q: str = "",
        longest: int = LONGEST,
    ) -> list[Line]:
        parameters: dict[str, Any] = {"app": app, "build": build, "longest": longest}
        where = ["app = {app:String}", "build = {build:String}"]
        for name, value, condition in (
            ("before", before and _micros(before), "at < fromUnixTimestamp64Micro({before:Int64}, 'UTC')"),
            ("since", since and _micros(since), "at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')"),
            ("source", source, "source = {source:String}"),
            ("process", process, "(process = {process:String} OR startsWith(process, concat({process:String}, '.')))"),
            ("level", level, "level = {level:String}"),
            *(
                (f"q{n}", _like(word), f"lowerUTF8(text) LIKE {{q{n}:String}}")
                for n, word in enumerate(WORD.findall(q))
            ),
        ):
            if value != "":
                parameters[name] = value
                where.append(condition)
        sql = f"""SELECT toUnixTimestamp64Micro(at) AS micros, {SHORT}, {SHOWN} FROM lines WHERE {" AND ".join(where)}
            ORDER BY at DESC, id DESC LIMIT {{limit:UInt32}}"""  # noqa: S608 - values are parameters
        return [line.cut(longest) for line in self._once(sql, parameters, limit)[::-1]]

    def _once(self, sql: str, parameters: dict[str, Any], limit: int) -> list[Line]:
        """Return `limit` lines, each once: a replay is rare, and LIMIT BY would read all of an app's lines."""
        ask = limit
        while True:
            rows = self.query(sql, {**parameters, "limit": ask})
            found = {(row["micros"], row["id"]): row for row in rows}
            if len(found) >= limit or len(rows) < ask:
                return [_line(row) for row in found.values()][:limit]
            ask *= 4

    def delete(self, app: str) -> None:
        self._post(
            "ALTER TABLE lines DELETE WHERE app = {app:String} SETTINGS mutations_sync = 2", params={"param_app": app}
        )

    def ready(self) -> bool:
        try:
            return self._post("SELECT 1") == b"1\n"
        except PlatformError:
            return False

    def _post(self, sql: str, data: bytes = b"", params: Mapping[str, str] | None = None) -> bytes:
        """Run one statement; values travel as `param_<name>`."""
        try:
            self._key = self._key or shared_key(self.keys)
            answer = self.client.post(
                "/",
                params={"query": sql, **(params or {})},
                content=data,
                headers={"X-ClickHouse-User": "default", "X-ClickHouse-Key": self._key},
            )
        except (httpx.HTTPError, OSError) as error:
            raise away(error) from error
        if answer.status_code in (401, 502, 503):
            self._key = ""
            raise away(answer.text[:500])
        if answer.status_code != 200:
            raise PlatformError(
                code="telemetry:platform:refused",
                message="The log store refused a statement.",
                evidence=answer.text[:500],
            )
        return answer.content


def _batches(lines: Iterable[Line]) -> Iterator[bytes]:
    """Yield JSON rows in bodies of at most 8 MB, so that an insert's memory is bounded."""
    rows: list[bytes] = []
    size = 0
    for line in lines:
        row = orjson.dumps(_row(line))
        if rows and size + len(row) > LARGEST:
            yield b"\n".join(rows)
            rows, size = [], 0
        rows.append(row)
        size += len(row) + 1
    if rows:
        yield b"\n".join(rows)


def _row(line: Line) -> dict[str, Any]:
    return {**vars(line), "at": line.at.astimezone(UTC).isoformat(" ", "microseconds")[:26]}


def _line(row: dict[str, Any]) -> Line:
    return Line(at=EPOCH + timedelta(microseconds=int(row.pop("micros"))), text=row.pop("shown"), **row)


def _micros(at: str) -> int:
    return (datetime.fromisoformat(at).astimezone(UTC) - EPOCH) // timedelta(microseconds=1)


def _like(word: str) -> str:
    """Return a LIKE pattern that finds `word` anywhere; its own wildcards are text."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", word.lower()) + "%"
