"""One line per request in `var/log/router.log`, written by HAProxy itself: logfmt whose strings are JSON strings.

    t=1763974800123456 app=a_7k2mq… deploy=12 release=v6 slot=slot0003 server=web.1.0f3c… method=GET path="/?q=1"
    host="shop.apps.localhost" request_id="…" fwd="203.0.113.9, 127.0.0.1" protocol=http tr=0 tw=0 tc=1 ts=12 ta=13
    status=200 bytes=318 end=--  (all on one line)

`t` is microseconds since 1970 at the request's end. `tr` (request read), `tw` (queue), `tc` (connect), `ts` (first
byte) and `ta` (all) are milliseconds, -1 when that point was never reached. `server` is
`<process>.<ordinal>.<container, 12 hex>`, or `<NOSRV>` when no instance could be asked. `slot` is
the page that answered (`unknown`, `H10`, `H14`, `H80`, `H99`) for a host that leads to no slot; then `deploy` and
`release` are `-`, and `app` too unless the host is a closed app's. `end` is HAProxy's termination state.
Lines that do not begin with `t=` are HAProxy's own notices.
"""

from __future__ import annotations

import json
import re

LONGEST = 8192  # bytes of one line; HAProxy cuts what is longer
PATH_BYTES = 1024  # of the path that is logged

_TEXT = "json(utf8s)"
FORMAT = " ".join(
    (
        "t=%[date(0,us)]",
        "app=%[var(txn.who),field(1,/)]",
        "deploy=%[var(txn.who),field(2,/)]",
        "release=%[var(txn.who),field(3,/)]",
        "slot=%b",
        "server=%s",
        "method=%[var(txn.method)]",
        f'path="%[var(txn.path),{_TEXT}]"',
        f'host="%[var(txn.host),{_TEXT}]"',
        f'request_id="%[var(txn.id),{_TEXT}]"',
        f'fwd="%[var(txn.fwd),{_TEXT}]"',
        "protocol=%[var(txn.scheme)]",
        "tr=%TR tw=%Tw tc=%Tc ts=%Tr ta=%Ta",
        "status=%ST bytes=%B end=%ts",
    )
)

FIELD = re.compile(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|\S+)')


def fields(line: str) -> dict[str, str]:
    """Return a line's fields, strings unquoted; {} for a line that is no request's or was cut in the middle."""
    if not line.startswith("t="):
        return {}
    found = {key: json.loads(value) if value.startswith('"') else value for key, value in FIELD.findall(line)}
    return found if "end" in found else {}


def service_ms(found: dict[str, str]) -> int:
    """Return the milliseconds that the instance had the request: all but reading it, waiting and connecting."""
    spent = sum(max(0, int(found[key])) for key in ("tr", "tw", "tc"))
    return max(0, int(found["ta"]) - spent)


def code(found: dict[str, str]) -> str:
    """Return the H-code of a line whose answer was the router's own, or ""."""
    slot, status, end = found["slot"], found["status"], found["end"]
    if slot.startswith("H"):
        return slot
    if end[0] in "Cc":
        return "H27" if status in ("400", "408", "499", "-1") or end[1] in "RH" else "H18" if end[1] == "D" else ""
    by_state = {
        "SC": "H21",
        "sC": "H21",
        "sH": "H12",
        "SH": "H13",
        "PH": "H13",
        "SD": "H18",
        "sD": "H18",
        "sQ": "H99",
        "PR": "",
    }
    return "H10" if found["server"] == "<NOSRV>" and status == "503" else by_state.get(end, "")
