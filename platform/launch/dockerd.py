"""The two processes of Minato's own engine, containerd and dockerd: their files, their argv, their life.

Both are held by a pidfd, so that one which outlived its wrapper is adopted instead of started again.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from minato.errors import PlatformError
from minato.values.config import Config

UNUSED = (
    "grpc.v1.cri",
    "snapshotter.v1.btrfs",
    "snapshotter.v1.zfs",
    "snapshotter.v1.devmapper",
    "snapshotter.v1.aufs",
)
CONTAINERD = """version = 2
root = "{root}"
state = "{state}"
disabled_plugins = [{unused}]

[grpc]
  address = "{address}"

[ttrpc]
  address = "{address}.ttrpc"

[debug]
  level = "warn"
"""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where one engine keeps what it needs. `short` is on /run: names of sockets below it must stay under 108 bytes."""

    home: Path
    socket: Path
    short: Path
    cgroup: str

    @classmethod
    def of(cls, config: Config) -> Places:
        return cls(
            home=config.engine_home,
            socket=config.engine_socket,
            short=Path("/run/minato", config.ns),
            cgroup=f"/minato-{config.ns}",
        )

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def pid_file(self) -> Path:
        return self.short / "dockerd.pid"

    @property
    def containerd_socket(self) -> Path:
        return self.short / "containerd.sock"

    @property
    def containerd_config(self) -> Path:
        return self.short / "containerd.toml"

    @property
    def daemon_config(self) -> Path:
        return self.short / "daemon.json"

    @property
    def snapshot(self) -> Path:
        """The rules of other engines while ours starts."""
        return self.short / "neighbours.json"

    def make(self) -> None:
        """Make every folder; a remapped root needs to walk through all parents of its data."""
        for folder in (self.data, self.short):
            folder.mkdir(parents=True, exist_ok=True)
        for parent in (self.data, *self.data.parents):
            parent.chmod(parent.stat().st_mode | 0o001)
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        if len(str(self.socket)) > 107:
            raise PlatformError(
                code="engine:platform:long-path",
                message=f"{self.socket} is too long for a Unix socket (107 bytes).",
                hint="Set MINATO_VAR to a shorter path.",
            )


def daemon_config(config: Config, places: Places, *, dns: list[str], mtu: int) -> dict[str, object]:
    """Return daemon.json: no traffic between containers, remapped root, no new privileges, logs of 3 x 10 MB."""
    return {
        "data-root": str(places.data),
        "exec-root": str(places.short),
        "pidfile": str(places.pid_file),
        "hosts": [f"unix://{places.socket}"],
        "containerd": str(places.containerd_socket),
        "bridge": config.apps_bridge,
        "mtu": mtu,
        "icc": False,
        "ip-masq": False,
        "userns-remap": "default",
        "no-new-privileges": True,
        "cgroup-parent": places.cgroup,
        "log-level": "warn",
        "log-driver": "json-file",
        "log-opts": {"max-size": "10m", "max-file": "3"},
        "default-ulimits": {
            "core": {"Name": "core", "Soft": 0, "Hard": 0},
            "nofile": {"Name": "nofile", "Soft": 16384, "Hard": 16384},
        },
        "shutdown-timeout": 10,
        "max-concurrent-downloads": 6,
        **({"dns": dns} if dns else {}),
    }


def write_configs(config: Config, places: Places, *, dns: list[str], mtu: int) -> None:
    """Write what both daemons read at their start."""
    settings = daemon_config(config, places, dns=dns, mtu=mtu)
    places.daemon_config.write_text(json.dumps(settings, indent=1))
    text = CONTAINERD.format(
        root=places.home / "containerd",
        state=places.short / "containerd",
        address=places.containerd_socket,
        unused=", ".join(f'"io.containerd.{name}"' for name in UNUSED),
    )
    places.containerd_config.write_text(text)


def containerd_argv(places: Places) -> tuple[str, ...]:
    return ("containerd", "--config", str(places.containerd_config))


def dockerd_argv(places: Places) -> tuple[str, ...]:
    return ("dockerd", "--config-file", str(places.daemon_config))


class Held:
    """A process by pidfd: our child, or one that an earlier wrapper left running."""

    def __init__(self, pid: int, argv: tuple[str, ...], child: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self.argv = argv
        self.child = child
        self.fd = os.pidfd_open(pid)

    def ended(self, timeout: float = 0.0) -> bool:
        """Wait up to `timeout` seconds for its end; a child is reaped, so that no zombie keeps the pid."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        if not poll.poll(timeout * 1000):
            return False
        if self.child:
            self.child.wait()
        return True

    def end(self, patience: float) -> None:
        """Ask it to end, kill it after `patience` seconds, and wait for that."""
        for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 10.0)):
            if self.ended():
                return
            signal.pidfd_send_signal(self.fd, number)
            self.ended(seconds)


def start(argv: tuple[str, ...]) -> Held:
    """Start a daemon in a session of its own: a Ctrl-C at the terminal is not for it."""
    environment = {"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "HOME": "/root"}
    try:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, env=environment, start_new_session=True)
    except OSError as error:
        raise PlatformError(
            code="engine:platform:no-program",
            message=f"{argv[0]} does not start: {error.strerror}.",
            hint="Install the package docker.io.",
        ) from error
    return Held(child.pid, argv, child)


def find(argv: tuple[str, ...]) -> Held | None:
    """Return the running process with exactly this command line, if one is left from before."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _words(entry) == argv and _is_here(entry):
            try:
                return Held(int(entry.name), argv)
            except ProcessLookupError:
                continue
    return None


def _is_here(process: Path) -> bool:
    """False for a process of another network namespace: a test platform beside us may have the same command line."""
    try:
        return (process / "ns" / "net").readlink() == Path("/proc/self/ns/net").readlink()
    except OSError:
        return False


def _words(process: Path) -> tuple[str, ...]:
    try:
        line = (process / "cmdline").read_text()
    except (OSError, UnicodeDecodeError):
        return ()
    return tuple(line.split("\0")[:-1])


def await_ready(what: Callable[[], bool], held: Held, seconds: float) -> None:
    """Wait until `what` holds; raises PlatformError `engine:platform:start` if the process ends or takes longer."""
    until = time.monotonic() + seconds
    while not what():
        if held.ended(0.02) or time.monotonic() > until:
            raise PlatformError(
                code="engine:platform:start",
                message=f"{held.argv[0]} did not become ready within {seconds:.0f} s.",
                hint="Its own words are in the engine's log.",
            )


# -- what a killed engine leaves ----------------------------------------------------------------------------------


def forget_stale(places: Places) -> None:
    """Remove the pid file and the sockets of daemons that no longer run."""
    for file in (places.pid_file, places.socket, places.containerd_socket, Path(f"{places.containerd_socket}.ttrpc")):
        file.unlink(missing_ok=True)


def kill_left(places: Places) -> int:
    """Kill the shims and the containers of an engine that is gone; return how many processes there were."""
    pids = [*_shims(places), *_in_cgroup(places.cgroup)]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(pids)


def _shims(places: Places) -> list[int]:
    """A shim's command line names the containerd that started it."""
    address = str(places.containerd_socket)
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and address in _words(entry)]


def _in_cgroup(cgroup: str) -> list[int]:
    roots = [root / cgroup.lstrip("/") for root in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir())]
    files = [file for root in roots if root.is_dir() for file in root.rglob("cgroup.procs")]
    # A process of another pid namespace is shown as 0, and killing 0 would be killing ourselves.
    return sorted({int(pid) for file in files for pid in file.read_text().split()} - {0, os.getpid()})


def remove_cgroups(cgroup: str) -> None:
    """Remove the empty control groups that an engine leaves behind."""
    for base in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir()):
        root = base / cgroup.lstrip("/")
        if not root.is_dir():
            continue
        folders = [folder for folder in root.rglob("*") if folder.is_dir()]
        for folder in [*sorted(folders, key=lambda path: len(path.parts), reverse=True), root]:
            # One that is in use belongs to a platform of the same name in other namespaces.
            with suppress(OSError):
                folder.rmdir()


def unmount_left(places: Places) -> None:
    """Detach what is still mounted below the engine's folders, the deepest first."""
    roots = (str(places.home), str(places.short))
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    inside = [mount for mount in mounts if mount.startswith(tuple(f"{root}/" for root in roots))]
    for mount in sorted(inside, key=len, reverse=True):
        subprocess.run(["umount", "--lazy", mount], capture_output=True, timeout=30)


def remove_files(places: Places) -> None:
    """Remove everything an engine ever stored, and the folders above if nothing else is in them."""
    for folder in (places.home, places.short, places.socket.parent):
        if folder.exists():
            shutil.rmtree(folder)
    for folder in (places.home.parent, places.short.parent):
        with suppress(OSError):
            folder.rmdir()
