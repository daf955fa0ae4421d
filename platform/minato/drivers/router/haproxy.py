"""HAProxy's admin socket, one connection per batch, in interactive mode so that each answer has an end."""

from __future__ import annotations

import socket
from pathlib import Path

from minato.drivers.router import refused

PROMPT = b"\n> "
TIMEOUT = 5.0  # seconds for one answer
# What a good answer begins with; every other changing command answers nothing.
GOOD = {"add server": "New server registered", "del server": "Server deleted"}


class HaproxyRouter:
    """Opened for every batch: a restarted HAProxy is simply the next one that answers."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def command(self, line: str) -> str:
        return self.commands([line])[0]

    def commands(self, lines: list[str]) -> list[str]:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(TIMEOUT)
                connection.connect(str(self.path))
                _ask(connection, "prompt")
                return [_checked(line, _ask(connection, line)) for line in lines]
        except OSError as error:
            raise refused(lines[0] if lines else "", str(error), name="away") from error


def _ask(connection: socket.socket, line: str) -> str:
    connection.sendall(line.encode() + b"\n")
    answer = b""
    while not answer.endswith(PROMPT):
        part = connection.recv(65536)
        if not part:
            raise ConnectionResetError("the router closed its admin socket")
        answer += part
    return answer.removesuffix(PROMPT).decode().strip("\n")


def _checked(line: str, answer: str) -> str:
    verb = " ".join(line.split()[:2])
    if verb.startswith("show "):
        return answer
    if answer.strip().startswith(GOOD[verb]) if verb in GOOD else not answer.strip():
        return answer
    raise refused(line, answer.strip())
