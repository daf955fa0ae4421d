"""When a process is ready: asked the way that its users will ask it."""

from __future__ import annotations

import functools
import http.client
import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from launch import programs, supervise
from minato.errors import PlatformError
from minato.values.config import Config

QUICK = 2.0
PATIENCE = {"engine": 90.0, "telemetryd": 60.0, "web": 60.0}


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=QUICK)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(QUICK)
        self.sock.connect(str(self.path))


def http_status(connection: http.client.HTTPConnection, path: str, host: str = "") -> int:
    """Return the status of a GET, 0 when nobody answers; `host` is the name to ask for, the connection's without."""
    try:
        connection.request("GET", path, headers={"Host": host} if host else {})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def at_port(port: int, path: str, *, host: str = "127.0.0.1") -> int:
    return http_status(http.client.HTTPConnection(host, port, timeout=QUICK), path)


def at_socket(path: Path, target: str) -> int:
    return http_status(_UnixConnection(path), target)


def ask(path: Path, question: bytes) -> bytes:
    """Return the first bytes that a line protocol answers on a Unix socket, empty when nobody does."""
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(QUICK)
            line.connect(str(path))
            line.sendall(question)
            return line.recv(4096)
    except OSError:
        return b""


def checks(config: Config) -> dict[str, Callable[[], bool]]:
    """Return by program name what shows that it is ready; a program without a check is ready when it runs."""
    return {
        "redis": lambda: ask(config.redis_socket, b"PING\r\n").startswith(b"+PONG"),
        "registry": lambda: at_port(config.ports.registry, "/v2/") == 200,
        "registry-socket": lambda: at_socket(config.registry_socket, "/v2/") == 200,
        "engine": lambda: at_socket(config.engine_socket, "/swarm") == 200,  # the last thing that its wrapper prepares
        "telemetryd": lambda: at_port(config.ports.telemetry, "/ping") == 200,
        "router": lambda: b"Uptime" in ask(config.router_socket, b"show info\n"),
        "web": lambda: web_answers(config),
    }


def web_answers(config: Config) -> bool:
    """Say whether the sign-in page comes."""
    return at_web(config, "/login") in (200, 302)


def at_web(config: Config, path: str) -> int:
    """Ask at the bind address for the platform's own name: no other host is served."""
    host = urlsplit(config.url).netloc
    if not config.tls_cert:
        return http_status(http.client.HTTPConnection(config.bind, config.ports.web, timeout=QUICK), path, host)
    import ssl

    trust = ssl.create_default_context()
    trust.check_hostname = False  # only whether our own process answers; nothing secret is sent
    trust.verify_mode = ssl.CERT_NONE
    web = http.client.HTTPSConnection(config.bind, config.ports.web, timeout=QUICK, context=trust)
    return http_status(web, path, host)


def wait(config: Config, group: str, name: str) -> None:
    """Wait until a program is ready. Raises PlatformError `launch:platform:not-ready` with its last lines."""
    check = checks(config).get(name) or functools.partial(runs, config, group, name)
    until = time.monotonic() + PATIENCE.get(name, 30.0)
    while not check():
        state = supervise.states(config, group).get(name, {}).get("statename", "")
        if state == "FATAL" or time.monotonic() > until:
            raise not_ready(config, name, state)
        time.sleep(0.05)


def runs(config: Config, group: str, name: str) -> bool:
    """Say whether the supervisor calls it running: it has lived for 2 s."""
    return bool(supervise.states(config, group).get(name, {}).get("statename") == "RUNNING")


def not_ready(config: Config, name: str, state: str) -> PlatformError:
    """Return the error that shows what the program said last."""
    log = config.logs / f"{name}.log"
    return PlatformError(
        code="launch:platform:not-ready",
        message=f"{name} did not become ready (state {state or 'unknown'}).",
        evidence="\n".join(last_lines(log, 15)),
        hint=f"All it said: {log}",
    )


def last_lines(file: Path, count: int) -> list[str]:
    """Return the last lines of a log, without reading more than 64 kB of it."""
    try:
        with file.open("rb") as log:
            log.seek(max(0, file.stat().st_size - 65536))
            return log.read().decode(errors="replace").splitlines()[-count:]
    except OSError:
        return []


def all_of(config: Config, group: str) -> bool:
    """Say whether every program of a group runs."""
    now = supervise.states(config, group)
    return all(now.get(p.name, {}).get("statename") == "RUNNING" for p in programs.of_group(config, group))
