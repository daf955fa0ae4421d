"""Output of a build: bytes become clean lines, and lines get a kind by Heroku's marks."""

from __future__ import annotations

import re

HEAD, BODY, WARN = "-----> ", "       ", " !     "
# The lifecycle's own last words: they say no more than the exit code, which `faults` turns into a message.
CLOSING = re.compile(r"^(ERROR: failed to build:|Timer: )")
MOST = 4000  # characters of one line
# All control bytes but the tab, and every escape sequence but SGR (colours), which ends in m.
SGR = re.compile(r"\x1b\[[0-9;:]*m")
ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_]?")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")


def clean(line: str) -> str:
    """Return a line that cannot move a cursor, hide text or forge another line; colours stay."""
    kept = SGR.findall(line)
    parts = SGR.split(line)
    cleaned = [CONTROL.sub("", ESCAPE.sub("", part)) for part in parts]
    text = cleaned[0] + "".join(colour + part for colour, part in zip(kept, cleaned[1:], strict=True))
    return text if len(text) <= MOST else f"{text[:MOST]} … ({len(text) - MOST} characters more)"


def kind_of(line: str) -> tuple[str, str]:
    """Return (head | body | warn, text without the mark)."""
    for mark, kind in ((HEAD, "head"), (WARN, "warn"), (BODY, "body")):
        if line.startswith(mark):
            return kind, line.removeprefix(mark)
    return "body", line


class Splitter:
    """Bytes in pieces of any size become clean lines; a carriage return ends a line like a progress bar's."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        *whole, self._rest = re.split(rb"\r\n|\n|\r(?!$)", self._rest + data)
        if len(self._rest) > 4 * MOST:
            whole.append(self._rest)
            self._rest = b""
        return [clean(line.decode(errors="replace")) for line in whole]

    def end(self) -> list[str]:
        """Return the last line if it had no end."""
        rest, self._rest = self._rest.rstrip(b"\r"), b""
        return [clean(rest.decode(errors="replace"))] if rest else []
