"""A Flask app in a repository, pushed with each line's time, and the moment when its new content is served."""

from __future__ import annotations

import http.client
import os
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.place import Place, broken

EVERY = 0.005  # seconds between two visits
PATIENCE = 120.0
APP = """from flask import Flask

app = Flask(__name__)
WORD = "{word}"


@app.get("/")
def word() -> str:
    return WORD
"""
REQUIREMENTS = "flask\ngunicorn\n"
MARKS = {
    "building": re.compile(r"-----> Building with"),
    "built": re.compile(r"-----> Build succeeded"),
    "released": re.compile(r"-----> Release v"),
    "healthy": re.compile(r"-----> Starting .* healthy in"),
    "switched": re.compile(r"-----> Switched traffic"),
}


def files(word: str) -> dict[str, str]:
    """Return the app's files; only one line of one file depends on `word`."""
    return {"app.py": APP.format(word=word), "requirements.txt": REQUIREMENTS}


@dataclass
class Visits:
    """Asks an app over one kept connection every 5 ms until it answers `wanted`. Times are Unix times."""

    address: tuple[str, int]
    host: str
    wanted: str
    served: float = 0.0
    asked: int = 0
    failed: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def begin(self) -> None:
        self._thread = threading.Thread(target=self._visit, daemon=True)
        self._thread.start()

    def finish(self, patience: float) -> None:
        """Return when the wanted answer has come, or after `patience` seconds."""
        if self._thread:
            self._thread.join(patience)
            self._over.set()
            self._thread.join()

    def _visit(self) -> None:
        web = http.client.HTTPConnection(*self.address, timeout=5)
        while not self.served and not self._over.wait(EVERY):
            self.asked += 1
            try:
                web.request("GET", "/", headers={"Host": self.host})
                answer = web.getresponse()
                body = answer.read().decode(errors="replace")
            except (OSError, http.client.HTTPException):
                self.failed += 1
                web.close()
                continue
            self.failed += answer.status != 200
            if answer.status == 200 and body == self.wanted:
                self.served = time.time()
        web.close()


@dataclass
class Pushed:
    """One push that went live: Unix times of its marks, and the rows that tell the rest."""

    at: dict[str, float]  # began, building, built, released, healthy, switched, served, ended
    visits: int
    failed: int
    build: dict[str, Any]
    deploy: dict[str, Any]

    def stages(self) -> dict[str, float]:
        """Return seconds: each stage from one mark to the next, and the wholes."""
        at = self.at
        rows = {name: moment(self.build[name]) for name in ("created", "started", "finished")}
        return {
            "receive": at["building"] - at["began"],
            "receive: git, source, row": rows["created"] - at["began"],
            "receive: row to builder": rows["started"] - rows["created"],
            "build": at["built"] - at["building"],
            "build: row, start to finish": rows["finished"] - rows["started"],
            **{f"build: {phase['name']}": phase["seconds"] for phase in self.build["phases"]},
            "release": at["released"] - at["built"],
            "schedule": at["healthy"] - at["released"],
            "release+schedule": at["healthy"] - at["built"],
            "switch": at["served"] - at["healthy"],
            "last word": at["ended"] - at["served"],
            "to served": at["served"] - at["began"],
            "whole push": at["ended"] - at["began"],
        }


def moment(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Checkout:
    """A repository of the app with the remote `platform`, away from the caller's own git settings."""

    def __init__(self, folder: Path, remote: str, token: str = "") -> None:
        self.folder = folder
        self.home = folder.with_name(f"{folder.name}-home")
        folder.mkdir()
        self.home.mkdir()
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("remote", "add", "platform", remote)
        if token:
            credentials, parts = self.home / "credentials", urlsplit(remote)
            credentials.touch(mode=0o600)
            credentials.write_text(f"{parts.scheme}://minato:{token}@{parts.netloc}\n")
            self.git("config", "credential.helper", f"store --file={credentials}")

    @property
    def env(self) -> dict[str, str]:
        who = {f"GIT_{role}_{what}": "bench" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        own = {"HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "LANG": "C.UTF-8"}
        return {"PATH": os.environ["PATH"], **who, **own}

    def git(self, *words: str) -> None:
        done = subprocess.run(["git", *words], cwd=self.folder, env=self.env, capture_output=True, text=True)
        if done.returncode:
            raise broken(f"git {words[0]} failed.", done.stdout + done.stderr)

    def commit(self, word: str) -> None:
        for name, text in files(word).items():
            (self.folder / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", f"Say {word}")

    def push_to(self, remote: str) -> float:
        """Push to another repository and return the seconds that it took."""
        began = time.perf_counter()
        self.git("push", "--quiet", remote, "main")
        return time.perf_counter() - began

    def push(self, place: Place, app: str, word: str) -> Pushed:
        """Push to the platform and wait until it serves `word`. Raises PlatformError with git's output."""
        visits = Visits(place.router, place.app_host(app), word)
        at, lines = {"began": time.time()}, []
        command = ["git", "push", "platform", "main"]
        with subprocess.Popen(command, cwd=self.folder, env=self.env, stderr=subprocess.PIPE, text=True) as push:
            for line in push.stderr or ():
                self._mark(line, at, visits)
                lines.append(line)
        at["ended"] = time.time()
        visits.finish(PATIENCE if push.returncode == 0 else 0.0)
        at["served"] = visits.served
        if push.returncode or not visits.served or not at.keys() >= MARKS.keys():
            raise broken(f"The push of {app} ended with {push.returncode}.", "".join(lines))
        return Pushed(at, visits.asked, visits.failed, place.newest(app, "builds"), place.newest(app, "deploys"))

    def _mark(self, line: str, at: dict[str, float], visits: Visits) -> None:
        """Note when a mark came. Visits begin with the release: before it nothing new can be served."""
        found: Sequence[str] = [name for name, wanted in MARKS.items() if wanted.search(line)]
        for name in found:
            at.setdefault(name, time.time())
        if "released" in found:
            visits.begin()


def new_word() -> str:
    return f"word-{secrets.token_hex(6)}"
