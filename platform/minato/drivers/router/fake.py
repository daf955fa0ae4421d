"""A router in memory that answers the runtime commands that Minato sends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from minato.drivers.router import refused

BACKEND_FIELDS = (
    "pxname",
    "svname",
    "scur",
    "status",
    "check_status",
    "check_code",
    "last_chk",
    "check_desc",
    "addr",
    "req_tot",
)
BACKENDS, SERVERS = 2, 4
COUNT_FIELDS = ("econ", "eresp", "hrsp_5xx")


@dataclass
class FakeServer:
    """One server. Its check says L7OK from the start unless `check` is set to something else."""

    address: str
    enabled: bool = False
    health: bool = False
    check: str = "L7OK"


@dataclass
class FakeRouter:
    """Maps and servers as dicts, open to the test. `pid` changes when the test restarts it; `away` makes it silent."""

    maps: dict[str, dict[str, str]] = field(default_factory=dict)
    servers: dict[str, dict[str, FakeServer]] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    pid: int = 1
    away: bool = False
    check: str = "L7OK"  # of servers that are added

    def command(self, line: str) -> str:
        return self.commands([line])[0]

    def commands(self, lines: list[str]) -> list[str]:
        return [self._answer(line) for line in lines]

    def restart(self) -> None:
        """Forget everything, as a HAProxy without a state file would."""
        self.pid += 1
        self.maps.clear()
        self.servers.clear()

    def _answer(self, line: str) -> str:
        if self.away:
            raise refused(line, "no such file or directory", name="away")
        self.heard.append(line)
        first, second, *rest = line.split()
        known: dict[str, Callable[[list[str]], str]] = {
            "show info": lambda _: f"Name: HAProxy\nPid: {self.pid}\nUptime_sec: 1",
            "show stat": self._stat,
            "show map": lambda words: "\n".join(
                f"0x0 {key} {value}" for key, value in self.maps.get(words[0], {}).items()
            ),
            "add map": self._set_map,
            "set map": self._set_map,
            "del map": self._del_map,
            "add server": self._add_server,
            "enable health": self._enable,
            "enable server": self._enable,
            "set server": self._maint,
            "shutdown sessions": lambda _: "",
            "del server": self._del_server,
        }
        verb = f"{first} {second}"
        if verb not in known:
            raise refused(line, "Unknown command")
        return known[verb](rest)

    def _set_map(self, words: list[str]) -> str:
        self.maps.setdefault(words[0], {})[words[1]] = words[2]
        return ""

    def _del_map(self, words: list[str]) -> str:
        if self.maps.get(words[0], {}).pop(words[1], None) is None:
            raise refused(f"del map {words[1]}", "Key not found.")
        return ""

    def _add_server(self, words: list[str]) -> str:
        backend, name = words[0].split("/")
        if name in self.servers.setdefault(backend, {}):
            raise refused(f"add server {words[0]}", "Already exists a server with the same name in backend.")
        self.servers[backend][name] = FakeServer(words[1], check=self.check)
        return "New server registered."

    def _find(self, words: list[str]) -> FakeServer:
        backend, name = words[0].split("/")
        found = self.servers.get(backend, {}).get(name)
        if found is None:
            raise refused(words[0], "No such server.")
        return found

    def _enable(self, words: list[str]) -> str:
        self._find(words).enabled = True
        return ""

    def _maint(self, words: list[str]) -> str:
        self._find(words).enabled = False
        return ""

    def _del_server(self, words: list[str]) -> str:
        if self._find(words).enabled:
            raise refused(f"del server {words[0]}", "Only servers in maintenance mode can be deleted.")
        backend, name = words[0].split("/")
        del self.servers[backend][name]
        return "Server deleted."

    def _stat(self, words: list[str]) -> str:
        header = "# " + ",".join((*BACKEND_FIELDS, *COUNT_FIELDS, ""))
        backends = [*self.servers] if words[0] == "-1" else [words[0]]
        kinds = int(words[1])
        rows = [
            _row(backend, name, seen) for backend in backends for name, seen in self.servers.get(backend, {}).items()
        ]
        totals = [f"{backend},BACKEND,0,UP,,,,,,0,0,0,0," for backend in backends]
        return "\n".join((header, *(rows if kinds & SERVERS else []), *(totals if kinds & BACKENDS else [])))


def _row(backend: str, name: str, seen: FakeServer) -> str:
    status = "UP" if seen.enabled else "MAINT"
    return f"{backend},{name},0,{status},{seen.check},200,,Layer7 check passed,{seen.address},,0,0,0,"
