"""What HAProxy says of itself, read: `show stat` and `show info` as values."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from minato.route import haproxy
from minato.values.router import SlotCounts

COLUMNS = frozenset(
    {"pxname", "svname", "scur", "econ", "eresp", "hrsp_5xx", "req_tot", "status", "addr"}
    | {"check_status", "check_code", "check_desc", "last_chk"}
)


@dataclass(frozen=True, kw_only=True)
class ServerStat:
    """One server as HAProxy sees it now."""

    backend: str
    name: str
    address: str  # address:port
    status: str  # UP, UP 1/3, DOWN, MAINT …
    check: str  # L7OK, L4CON, INI …; without the star of a check that is under way
    last_check: str  # in words

    @property
    def slot(self) -> int:
        return haproxy.slot_number(self.backend)

    @property
    def ready(self) -> bool:
        """Say whether its own check has said so: a new server counts as UP before anybody asked it."""
        return self.check == "L7OK" and self.status.startswith("UP")


@dataclass(frozen=True, kw_only=True)
class Stats:
    """The backends that were asked about: their servers and their counters since HAProxy started."""

    servers: tuple[ServerStat, ...] = ()
    counts: Mapping[str, SlotCounts] = field(default_factory=dict)  # by backend


def read_stats(answers: Iterable[str]) -> Stats:
    """Read the answers of `show stat <backend> <types> -1`; -1 for the backend is all of them."""
    rows = [row for answer in answers for row in _rows(answer)]
    return Stats(
        servers=tuple(_server(row) for row in rows if row["svname"] != "BACKEND"),
        counts={row["pxname"]: _counts(row) for row in rows if row["svname"] == "BACKEND"},
    )


def _rows(answer: str) -> Iterator[dict[str, str]]:
    """Yield the columns that we read, by name: all 100 of 1,000 rows would take a tenth of a second."""
    lines = csv.reader(answer.removeprefix("# ").splitlines())
    names = next(lines, [])
    wanted = [(name, place) for place, name in enumerate(names) if name in COLUMNS]
    for row in lines:
        yield {name: row[place] for name, place in wanted}


def _server(row: dict[str, str]) -> ServerStat:
    check = row["check_status"].removeprefix("* ")
    said = row["last_chk"] or row["check_desc"]
    code = f" {row['check_code']}" if row["check_code"] else ""
    return ServerStat(
        backend=row["pxname"],
        name=row["svname"],
        address=row["addr"],
        status=row["status"],
        check=check,
        last_check=f"{said}{code}" if said else "",
    )


def _counts(row: dict[str, str]) -> SlotCounts:
    return SlotCounts(
        slot=haproxy.slot_number(row["pxname"]),
        requests=_number(row["req_tot"]),
        failed=_number(row["econ"]) + _number(row["eresp"]),
        errors_5xx=_number(row["hrsp_5xx"]),
        sessions=_number(row["scur"]),
    )


def _number(text: str) -> int:
    return int(text or 0)


def read_info(answer: str) -> tuple[str, int]:
    """Return who answers `show info`, as something that changes with every start, and its uptime in seconds."""
    found = dict(line.split(": ", 1) for line in answer.splitlines() if ": " in line)
    uptime = int(found.get("Uptime_sec", "0"))
    return found.get("Pid", ""), uptime


def read_map(answer: str) -> dict[str, str]:
    """Read the answer of `show map <file>`: pointer, key, value."""
    rows = [line.split(" ", 2) for line in answer.splitlines() if line]
    return {row[1]: row[2] if len(row) > 2 else "" for row in rows}
