"""supervisord: its config text, and the calls by which a start steers it."""

from __future__ import annotations

import shlex
import sys
import xmlrpc.client
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from launch.programs import Program
from minato.values.config import Config

HEAD = """[unix_http_server]
file = {socket}
chmod = 0700

[supervisord]
nodaemon = true
logfile = {log}
logfile_maxbytes = 10MB
logfile_backups = 3
pidfile = {pid}
directory = {root}
childlogdir = {logs}
minfds = {files}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[eventlistener:rescue]
command = {rescue}
events = PROCESS_STATE_FATAL,TICK_5
stderr_logfile = {logs}/{group}-rescue.log
stderr_logfile_maxbytes = 1MB
stopwaitsecs = 2
"""
# Not started by the supervisor itself: a start goes in order and waits for readiness. What dies is started again.
PROGRAM = """
[program:{name}]
command = {command}
process_name = {name}
autostart = false
autorestart = true
startsecs = 2
stopwaitsecs = {stop}
killasgroup = true
umask = {umask}
redirect_stderr = true
stdout_logfile = {logs}/{log}.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 3
"""
OPEN_FILES = 16384


def socket_of(config: Config, group: str) -> Path:
    return config.run / f"{group}.sock"


def config_file(config: Config, group: str) -> Path:
    return config.run / f"{group}.conf"


def config_text(config: Config, group: str, programs: list[Program]) -> str:
    """Return the group's supervisord.conf. `%` is doubled: supervisor expands `%(name)s`."""
    head = HEAD.format(
        socket=_plain(socket_of(config, group)),
        log=_plain(config.logs / f"{group}-supervisor.log"),
        pid=_plain(config.run / f"{group}.pid"),
        root=_plain(config.root),
        logs=_plain(config.logs),
        rescue=command((sys.executable, "-m", "launch.rescue")),
        group=group,
        files=OPEN_FILES,
    )
    return head + "".join(_program(config, program) for program in programs) + _together(group, programs)


def _program(config: Config, program: Program) -> str:
    return PROGRAM.format(
        name=program.name,
        log=program.log or program.name,
        command=command(program.argv),
        stop=program.stop,
        umask=program.umask,
        logs=_plain(config.logs),
    )


def _together(group: str, programs: list[Program]) -> str:
    """Put all of a group into one: supervisor ends groups one after another, but a group's processes at once."""
    names = ",".join(program.name for program in programs)
    return f"\n[group:{group}]\nprograms = {names}\n"


def command(argv: tuple[str, ...]) -> str:
    """Spell an argv as supervisor reads it: words quoted for shlex, `%` doubled."""
    return shlex.join(argv).replace("%", "%%")


def _plain(path: Path) -> str:
    return str(path).replace("%", "%%")


def client(config: Config, group: str) -> Any:
    """Return the group's supervisor as an XML-RPC proxy; its methods raise OSError or xmlrpc.client.Fault."""
    transport = SupervisorTransport(None, None, serverurl=f"unix://{socket_of(config, group)}")
    return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor


def states(config: Config, group: str) -> dict[str, dict[str, Any]]:
    """Return supervisor's facts by program name, empty when no supervisor answers."""
    try:
        rows = client(config, group).getAllProcessInfo()
    except (OSError, xmlrpc.client.Error):
        return {}
    return {row["name"]: row for row in rows if row["group"] == group}


def start(config: Config, group: str, name: str) -> None:
    """Start a program that does not run; readiness is somebody else's question."""
    supervisor = client(config, group)
    if supervisor.getProcessInfo(f"{group}:{name}")["statename"] not in ("RUNNING", "STARTING"):
        supervisor.startProcess(f"{group}:{name}", False)


def stop(config: Config, group: str, name: str) -> None:
    """Stop a program and wait until it is gone; no error if it does not run."""
    supervisor = client(config, group)
    if supervisor.getProcessInfo(f"{group}:{name}")["statename"] in ("RUNNING", "STARTING", "BACKOFF"):
        supervisor.stopProcess(f"{group}:{name}", True)
