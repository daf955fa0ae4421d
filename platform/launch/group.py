"""A group of processes under one supervisor: found by `var/run/<group>.json`, started, adopted or ended."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import xmlrpc.client
from dataclasses import asdict, dataclass
from pathlib import Path

from launch import processes, programs, supervise
from launch.places import environment
from minato.errors import PlatformError
from minato.values.config import Config

ANSWER = 10.0
STOPS = {programs.NODE: 75.0, programs.CONTROL: 9.0}
OUTLIVES = ("dockerd", "containerd")  # shims too: the engine's wrapper adopts them


@dataclass(frozen=True)
class Group:
    """Who supervises: process id, its start in clock ticks since boot, the code version that it was started with."""

    pid: int
    started: int
    code: str

    @property
    def alive(self) -> bool:
        return processes.alive(self.pid, self.started)


def file_of(config: Config, group: str) -> Path:
    return config.run / f"{group}.json"


def read(config: Config, group: str) -> Group | None:
    """Return the group on record whose supervisor runs, None if there is none."""
    found = _record(config, group)
    return found if found and found.alive else None


def _record(config: Config, group: str) -> Group | None:
    try:
        return Group(**json.loads(file_of(config, group).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write(config: Config, group: str, record: Group) -> None:
    """Replace the record at once: a reader sees the old one or the new one."""
    aside = file_of(config, group).with_suffix(".part")
    aside.write_text(json.dumps(asdict(record)))
    aside.rename(file_of(config, group))


def code_version(config: Config) -> str:
    """Return 12 hex of all Python and templates that a running process may have loaded."""
    whole = hashlib.sha256()
    for folder in ("platform", "apps", "templates"):
        for file in sorted((config.root / folder).rglob("*")):
            if file.suffix in (".py", ".html", ".sql") and file.is_file():
                whole.update(str(file.relative_to(config.root)).encode() + b"\0" + file.read_bytes())
    return whole.hexdigest()[:12]


def begin(config: Config, group: str) -> Group:
    """Start the group's supervisor, in a session of its own, after ending what a killed one left behind."""
    end_orphans(config, group)
    for left in (supervise.socket_of(config, group), config.run / f"{group}.pid", file_of(config, group)):
        left.unlink(missing_ok=True)
    write_config(config, group)
    with (config.logs / f"{group}-supervisor.log").open("a") as log:
        subprocess.Popen(
            [sys.executable, "-m", "launch.group", group],
            cwd=config.root,
            env=environment(config),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return _wait_for(config, group)


def write_config(config: Config, group: str) -> None:
    text = supervise.config_text(config, group, programs.of_group(config, group))
    supervise.config_file(config, group).write_text(text)


def _wait_for(config: Config, group: str) -> Group:
    until = time.monotonic() + ANSWER
    while time.monotonic() < until:
        found = read(config, group)
        if found and supervise.states(config, group):
            return found
        time.sleep(0.05)
    raise PlatformError(
        code="launch:platform:no-supervisor",
        message=f"The supervisor of the {group} group did not answer within {ANSWER:.0f} s.",
        hint=f"Its own words are in {config.logs / f'{group}-supervisor.log'}.",
    )


def end(config: Config, group: str) -> None:
    """End the group: its supervisor ends every program; what is left after its time is killed."""
    found = read(config, group)
    if found:
        processes.end(found.pid, seconds=STOPS[group])
    end_orphans(config, group)
    for left in (file_of(config, group), supervise.socket_of(config, group)):
        left.unlink(missing_ok=True)


def orphans(config: Config, group: str) -> list[int]:
    """Return processes whose supervisor was killed: they are of its session, and of its environment if they kept it."""
    record = _record(config, group)
    mates = processes.of_session(record.pid, record.started) if record and not record.alive else []
    url = f"unix://{supervise.socket_of(config, group)}"
    left = {*mates, *processes.with_environment("SUPERVISOR_SERVER_URL", url)}
    return sorted(pid for pid in left if not processes.name_of(pid).startswith(OUTLIVES))


def end_orphans(config: Config, group: str) -> None:
    """Kill what a killed supervisor left: nobody watches it, and it holds ports and sockets."""
    left = {pid: processes.start_time(pid) for pid in orphans(config, group)}
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid, started in left.items():
        processes.gone(pid, started, 5.0)


def adopt(config: Config, group: str, found: Group) -> list[str]:
    """Keep a live group, but put this checkout's code into programs that may be restarted; return their names."""
    code = code_version(config)
    write_config(config, group)
    if found.code == code:
        return []
    restarted = [program.name for program in programs.of_group(config, group) if program.own_code]
    for name in restarted:
        with contextlib.suppress(xmlrpc.client.Fault):
            supervise.stop(config, group, name)
    write(config, group, Group(found.pid, found.started, code))
    return restarted


def main(argv: list[str]) -> None:
    """Write the record about ourselves, then become the supervisor: the same process, before its first child."""
    (group,) = argv
    config = Config.from_env()
    pid = os.getpid()
    write(config, group, Group(pid, processes.start_time(pid), code_version(config)))
    supervisord = [
        sys.executable,
        "-m",
        "supervisor.supervisord",
        "-n",
        "-c",
        str(supervise.config_file(config, group)),
    ]
    os.execve(sys.executable, supervisord, dict(os.environ))  # noqa: S606 - no shell, and that is the point


if __name__ == "__main__":
    main(sys.argv[1:])
