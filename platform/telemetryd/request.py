"""What an HTTP request asks for, in ClickHouse's terms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

INSERT = re.compile(
    rb"\A(\s*INSERT\s+INTO\s.{1,8000}?)\s+FORMAT\s+(\w+)\s*?(?:\r?\n|\Z| (?=[\[{]))", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True)
class Statement:
    """One statement. For an insert `format` is its data's, else the answer's unless the SQL names one."""

    sql: str
    format: str
    parameters: Mapping[str, str]
    data: bytes | None = None  # of an insert


def statement(query_string: bytes, body: bytes) -> Statement:
    """Read `?query=`, `param_<name>` and the body as ClickHouse does; raises ValueError if there is no statement.

    Settings in the query string are ignored: bounds are the store's own.
    """
    asked = dict(parse_qsl(query_string.decode(), keep_blank_values=True))
    parameters = {name[6:]: value for name, value in asked.items() if name.startswith("param_")}
    head = asked.get("query", "").encode()
    whole = head + b"\n" + body if head else body
    found = INSERT.match(whole)
    if found:
        return Statement(found[1].decode(), found[2].decode(), parameters, whole[found.end() :])
    sql = whole.decode().strip()
    if not sql:
        raise ValueError("no statement")
    return Statement(sql, asked.get("default_format", "TabSeparated"), parameters)
