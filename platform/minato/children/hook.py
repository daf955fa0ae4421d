"""The proc-receive hook: a thin client of the doors' Unix socket.

It runs alone under `python3 -IS`, once per push, as a copy that the doors put into their hooks folder. The doors
decide; this program carries the commands there, their lines to the pusher, and their verdicts to git.
Protocol with git: gitprotocol-pack and githooks(5), proc-receive. With the doors: one JSON line out, then
`L <text>` for a line of progress and at last `R <json>` with one verdict per ref ("ok" or a reason).
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from typing import BinaryIO

AWAY = "the platform went away while it decided; push again"
Changes = list[tuple[str, str, str]]


def packet(stream: BinaryIO) -> bytes | None:
    """Return one pkt-line without its newline; None for a flush. Raises EOFError, ValueError."""
    head = stream.read(4)
    if len(head) < 4:
        raise EOFError("git closed the pipe")
    size = int(head, 16)
    if size == 0:
        return None
    if size < 4:
        raise ValueError("unknown pkt-line")
    return stream.read(size - 4).rstrip(b"\n")


def packets(stream: BinaryIO) -> Iterator[bytes]:
    """Yield pkt-lines up to the next flush."""
    while (line := packet(stream)) is not None:
        yield line


def send(stream: BinaryIO, lines: list[bytes]) -> None:
    """Write pkt-lines and a flush."""
    for line in lines:
        stream.write(b"%04x" % (len(line) + 4) + line)
    stream.write(b"0000")
    stream.flush()


def greet(source: BinaryIO, sink: BinaryIO) -> set[bytes]:
    """Agree on version 1 and return what git offers (`atomic`, `push-options`)."""
    offered: set[bytes] = set()
    for line in packets(source):
        offered.update(line.partition(b"\0")[2].split())
    send(sink, [b"version=1\0push-options" if b"push-options" in offered else b"version=1"])
    return offered


def commands(source: BinaryIO) -> Changes:
    """Read the commands: old, new and ref. A ref that is not UTF-8 keeps its bytes as surrogates."""
    found: Changes = []
    for line in packets(source):
        old, new, ref = line.decode("utf-8", "surrogateescape").split(" ", 2)
        found.append((old, new, ref))
    return found


def ask(question: dict[str, object]) -> dict[str, str]:
    """Put the question to the doors, print their lines as they come, return their verdicts."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as doors:
        doors.connect(os.environ["MINATO_HOOK_SOCKET"])
        doors.sendall(json.dumps(question).encode() + b"\n")
        for line in doors.makefile("rb"):
            kind, _, rest = line.rstrip(b"\n").partition(b" ")
            if kind == b"R":
                verdicts: dict[str, str] = json.loads(rest)
                return verdicts
            sys.stderr.buffer.write(rest + b"\n")
            sys.stderr.buffer.flush()
    return {}


def answers(changes: Changes, verdicts: dict[str, str]) -> list[bytes]:
    """Return git's report lines; an accepted ref is left to git's own compare-and-swap."""
    lines: list[bytes] = []
    for _, _, ref in changes:
        verdict = verdicts.get(ref, AWAY)
        name = ref.encode("utf-8", "surrogateescape")
        if verdict == "ok":
            lines += [b"ok " + name, b"option fall-through"]
        else:
            lines.append(b"ng " + name + b" " + verdict.encode("utf-8", "replace"))
    return lines


def main() -> int:
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    offered = greet(source, sink)
    changes = commands(source)
    options = [o.decode("utf-8", "replace") for o in packets(source)] if b"push-options" in offered else []
    question = {
        "push": os.environ["MINATO_PUSH"],
        "atomic": b"atomic" in offered,
        "options": options,
        "changes": changes,
    }
    try:
        verdicts = ask(question)
    except (OSError, ValueError):
        verdicts = {}
    send(sink, answers(changes, verdicts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
