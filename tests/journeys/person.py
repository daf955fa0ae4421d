"""What a person does: create, push, look, change, delete. Plain git, plain HTTP."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

PLAIN_APP = """
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = {body!r}.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

print("app says hello", flush=True)
ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""


OVER = ("live", "draining", "retired", "done", "failed", "cancelled")


def plain_app(body: str = "one", **files: str) -> dict[str, str]:
    """Return the files of the smallest app: standard library only, so that its build takes a second."""
    return {"app.py": PLAIN_APP.format(body=body), "requirements.txt": "", "Procfile": "web: python app.py\n", **files}


@dataclass
class Platform:
    """The running test platform, from run.json."""

    run: dict

    @property
    def url(self) -> str:
        return self.run["url"]

    @property
    def router(self) -> str:
        return self.run["router"]

    @property
    def token(self) -> str:
        return Path(self.run["token_file"]).read_text().strip()

    def host(self, app: str) -> str:
        return httpx.URL(self.run["app_url"].replace("{app}", app)).host

    def visit(self, app: str, path: str = "/", **more) -> httpx.Response:
        """Ask the router for an app by its host name; the name itself need not resolve."""
        return httpx.get(f"http://{self.router}{path}", headers={"Host": self.host(app)}, timeout=30, **more)


@dataclass
class Push:
    """A finished `git push`."""

    code: int
    text: str
    seconds: float
    lines: list[tuple[float, str]] = field(default_factory=list)  # when each line came, seconds from the start


class Person:
    """One developer at a terminal, with a token of the operator's."""

    names = itertools.count()

    def __init__(self, platform: Platform, folder: Path) -> None:
        self.platform = platform
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        self.apps: list[str] = []
        self.api = httpx.Client(
            base_url=f"{platform.url}/api/v1", headers={"Authorization": f"Bearer {platform.token}"}, timeout=90
        )

    # -- api --------------------------------------------------------------------------------------------------
    def create(self, stem: str = "shop") -> str:
        name = f"{stem}-{next(self.names)}{secrets.token_hex(2)}"
        answer = self.api.post("/apps", json={"name": name})
        assert answer.status_code == 201, answer.text
        self.apps.append(name)
        return name

    def app(self, name: str) -> dict:
        answer = self.api.get(f"/apps/{name}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def deploys(self, name: str) -> list[dict]:
        answer = self.api.get(f"/apps/{name}/deploys")
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    def releases(self, name: str) -> list[dict]:
        return self.api.get(f"/apps/{name}/releases").json()["items"]

    def settle(self, answer: httpx.Response) -> dict:
        """Follow a 202 to the end of its deploy and return the row."""
        assert answer.status_code == 202, answer.text
        where = answer.headers["Location"]
        until = time.monotonic() + 120
        while time.monotonic() < until:
            row = httpx.get(f"{self.platform.url}{where}?wait=30", headers=self.api.headers, timeout=60).json()
            if row["state"] in OVER:
                return row
        raise AssertionError(f"{where} never ended: {row}")

    def leave(self) -> None:
        for name in self.apps:
            self.api.request("DELETE", f"/apps/{name}", json={"confirm": name})
        self.api.close()

    # -- git --------------------------------------------------------------------------------------------------
    def git(self, *argv: str, where: Path, check: bool = True, **more) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["git", *argv], cwd=where, env=self.env, capture_output=True, text=True, check=check, **more
        )

    @property
    def env(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "alice",
            "GIT_AUTHOR_EMAIL": "alice@example.org",
            "GIT_COMMITTER_NAME": "alice",
            "GIT_COMMITTER_EMAIL": "alice@example.org",
            "LANG": "C.UTF-8",
        }

    def checkout(self, app: str, files: dict[str, str], folder: str = "") -> Path:
        """Make a repository of these files with the remote `platform`."""
        where = self.folder / (folder or app)
        where.mkdir()
        self.git("init", "-q", "-b", "main", where=where)
        scheme, _, rest = self.platform.run["git_url"].partition("://")
        remote = f"{scheme}://minato:{self.platform.token}@{rest}".replace("{app}", app)
        self.git("remote", "add", "platform", remote, where=where)
        self.commit(where, files)
        return where

    def commit(self, where: Path, files: dict[str, str], message: str = "change") -> str:
        for name, text in files.items():
            (where / name).parent.mkdir(parents=True, exist_ok=True)
            (where / name).write_text(text)
        self.git("add", "-A", where=where)
        self.git("commit", "-q", "--allow-empty", "-m", message, where=where)
        return self.git("rev-parse", "HEAD", where=where).stdout.strip()

    def push_process(self, where: Path, *refs: str) -> subprocess.Popen:
        argv = ["git", "push", "--progress", "platform", *(refs or ("main",))]
        out = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(argv, cwd=where, env=self.env, start_new_session=True, **out)

    def push(self, where: Path, *refs: str) -> Push:
        start = time.monotonic()
        process = self.push_process(where, *refs)
        lines = [(time.monotonic() - start, line.rstrip("\n")) for line in process.stdout]
        code = process.wait(timeout=300)
        return Push(code, "\n".join(line for _at, line in lines), time.monotonic() - start, lines)

    def deployed(self, files: dict[str, str], stem: str = "shop") -> tuple[str, Path]:
        """Create an app and push these files to it; return its name and the checkout."""
        app = self.create(stem)
        where = self.checkout(app, files)
        pushed = self.push(where)
        assert pushed.code == 0, pushed.text
        return app, where


@dataclass
class Load:
    """What a visitor saw: answers by body, and failures."""

    bodies: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.bodies.values()) + len(self.failed)


@contextlib.contextmanager
def visiting(platform: Platform, app: str, every: float = 0.02) -> Iterator[Load]:
    """Ask an app again and again, by keep-alive and by new connections in turn, until the block ends."""
    load, over = Load(), threading.Event()

    def ask() -> None:
        with httpx.Client(timeout=10) as kept:
            for turn in itertools.count():
                if over.is_set():
                    return
                headers = {"Host": platform.host(app)}
                try:
                    get = kept.get if turn % 2 else httpx.get
                    answer = get(f"http://{platform.router}/", headers=headers)
                except httpx.HTTPError as error:
                    load.failed.append(repr(error))
                    continue
                if answer.status_code == 200:
                    load.bodies[answer.text] = load.bodies.get(answer.text, 0) + 1
                else:
                    load.failed.append(f"{answer.status_code} {answer.text[:80]}")
                time.sleep(every)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield load
    finally:
        over.set()
        thread.join(timeout=15)


def eventually(check, *, within: float = 20, every: float = 0.2):
    """Return the first true answer of `check`, or fail with the last one."""
    until = time.monotonic() + within
    while True:
        last = check()
        if last:
            return last
        if time.monotonic() > until:
            raise AssertionError(f"not within {within} s: {check.__doc__ or check} gave {last!r}")
        time.sleep(every)
