"""A platform of doors alone: uvicorn on loopback, a desk of plain functions, real git on both sides."""

from __future__ import annotations

import asyncio
import base64
import http.client
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import uvicorn

from apps.access.viewer import Viewer
from doors import database
from doors.desk import Desk, Started, Target
from doors.git import GitDoor
from doors.git_process import Patience
from doors.mount import Doors
from doors.uploads import UploadDoor
from doors.wire import Careful
from minato.receive.transcript import Outcome

ALICE = Viewer(user_id=1, uid="u_alice", label="alice", via="git", teams={1: "admin"})
READER = Viewer(user_id=1, uid="u_alice", label="alice", via="git", teams={1: "admin"}, scopes=frozenset({"read"}))
BOB = Viewer(user_id=2, uid="u_bob", label="bob", via="git", teams={2: "admin"})
CAROL = Viewer(user_id=3, uid="u_carol", label="carol", via="git", teams={1: "admin"}, operator=True)
TOKENS = {"carol-token": CAROL, "alice-token": ALICE, "reader-token": READER, "bob-token": BOB}
SHOP = Target(uid="a_shopshopsh", name="shop", team=1, deploys_from=lambda branch: branch in ("main", "master"))

Entry = tuple[str, dict[str, str]]
END = Outcome(state="live", number=7)


def said(kind: str, text: str) -> Entry:
    return ("1-1", {"k": kind, "t": text})


@dataclass
class Platform:
    """What the apps would do: the script of the next deploy, and what was asked for."""

    script: list[Entry | float] = field(default_factory=lambda: [said("head", "Building"), said("end", "live")])
    outcome: Outcome = END
    pushed: list[tuple] = field(default_factory=list)
    uploaded: list[tuple] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    told: int = 0
    stopped: bool = False

    def desk(self) -> Desk:
        return Desk(
            authenticate=lambda secret, via: TOKENS.get(secret),
            find=lambda viewer, name: SHOP if name == "shop" and viewer.teams.get(1) else None,
            denied=lambda viewer, target, action: self.denied.append(action),
            push=self.push,
            upload=self.upload,
            outcome=lambda uid: self.outcome,
            follow=self.follow,
        )

    def push(self, target, source, change, viewer) -> Started:
        self.pushed.append((target.name, source, change, viewer.label))
        return Started(uid="d_1", number=7)

    def upload(self, target, source, viewer, key) -> Started:
        self.uploaded.append((target.name, source, viewer.label, key))
        return Started(uid="d_1", number=7)

    async def follow(self, uid: str) -> AsyncIterator[Entry]:
        for step in self.script:
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                self.told += 1
                yield step


class Served:
    """One running server."""

    def __init__(self, config, desk: Desk, patience: Patience) -> None:
        self.config = config
        self.door = GitDoor(config, desk, patience)
        doors = Doors(django, [self.door, UploadDoor(config, desk)])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = uvicorn.Config(doors, port=self.port, http=Careful, log_level="warning", lifespan="on")
        self.server = uvicorn.Server(settings)
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def __enter__(self) -> Served:
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(10)

    def url(self, token: str = "alice-token", app: str = "shop") -> str:
        return f"http://any:{token}@127.0.0.1:{self.port}/git/{app}.git"

    @property
    def repository(self) -> Path:
        return self.config.repos / f"{SHOP.uid}.git"

    def ref(self, name: str = "refs/heads/main") -> str:
        """Return where a ref of the platform points, or "" for nowhere."""
        argv = ["git", "--git-dir", str(self.repository), "rev-parse", "--verify", "-q", name]
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()


async def django(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"django"})


class Work:
    """A developer's repository."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str, ok: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["git", *words],
            cwd=self.path,
            env=environment(),
            input=stdin,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )
        assert not ok or done.returncode == 0, done.stderr
        return done

    def popen(self, *words: str) -> subprocess.Popen[bytes]:
        """Start git in a session of its own; its stderr is a pipe."""
        return subprocess.Popen(
            ["git", *words], cwd=self.path, env=environment(), stderr=subprocess.PIPE, start_new_session=True
        )

    def commit(self, files: dict[str, str | bytes], message: str = "work") -> str:
        for name, content in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD").stdout.strip()

    def push_as_seen(self, url: str, *, old: str, new: str, ref: str = "refs/heads/main") -> str:
        """Send the body of a push whose client looked at the refs a while ago; return the answer."""
        command = f"{old} {new} {ref}\0report-status side-band-64k agent=test".encode()
        packed = subprocess.run(
            ["git", "pack-objects", "--revs", "--stdout", "-q"],
            cwd=self.path,
            input=f"{new}\n".encode(),
            env=environment(),
            capture_output=True,
            check=True,
        ).stdout
        body = b"%04x" % (len(command) + 4) + command + b"0000" + packed
        token = url.split("@")[0].rpartition(":")[2]
        link = http.client.HTTPConnection(url.split("@")[1].split("/")[0], timeout=20)
        headers = {
            "Authorization": "Basic " + base64.b64encode(f"any:{token}".encode()).decode(),
            "Content-Type": "application/x-git-receive-pack-request",
        }
        link.request("POST", f"/git/{url.rpartition('/')[2]}/git-receive-pack", body=body, headers=headers)
        answer = link.getresponse().read().decode(errors="replace")
        link.close()
        return answer

    def push(self, url: str, *words: str) -> subprocess.CompletedProcess[str]:
        return self.git("push", url, *(words or ("main",)), ok=False)


def environment() -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "alice",
        "GIT_AUTHOR_EMAIL": "alice@example.com",
        "GIT_COMMITTER_NAME": "alice",
        "GIT_COMMITTER_EMAIL": "alice@example.com",
    }


@pytest.fixture(autouse=True)
def rows_threads(monkeypatch):
    """Threads of this test's own: those of another test hold a connection that pytest-django no longer allows."""
    with ThreadPoolExecutor(4) as threads:
        monkeypatch.setattr(database, "_threads", threads)
        yield


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def doors_config(config):
    """A Config with a short path: a Unix socket's address has 107 bytes."""
    var = Path(tempfile.mkdtemp(prefix="ld-", dir="/tmp"))
    yield replace(config, var=var)
    shutil.rmtree(var, ignore_errors=True)


@pytest.fixture
def served(doors_config, platform):
    with Served(doors_config, platform.desk(), Patience(idle=5.0, stalled=5.0, grace=2.0)) as served:
        yield served


@pytest.fixture
def work(tmp_path) -> Work:
    return Work(tmp_path / "work")
