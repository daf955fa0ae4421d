"""The running platform that is measured: its settings, its API, and its engine under a namespace of our own."""

from __future__ import annotations

import functools
import http.client
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from minato.build.places import proxy_of
from minato.drivers.engine.swarm import SwarmEngine
from minato.drivers.registry import Registry
from minato.drivers.wiring import drivers
from minato.errors import PlatformError
from minato.values.build import Stack
from minato.values.config import Config

ROOT = Path(__file__).resolve().parents[1]
REMOVAL = 90.0  # seconds that a deleted app's services may take to go
TRIES = 5


def broken(message: str, evidence: str = "", hint: str = "") -> PlatformError:
    return PlatformError(code="bench:platform:failed", message=message, evidence=evidence, hint=hint)


@dataclass(frozen=True)
class Place:
    """Read from `var/run.json`; the namespace and all names follow from where that lies, or from MINATO_NS."""

    file: Path

    @functools.cached_property
    def run(self) -> dict[str, Any]:
        """Return run.json. Raises PlatformError when no platform runs there."""
        try:
            return dict(json.loads(self.file.read_text()))
        except (OSError, ValueError) as error:
            raise broken(f"{self.file} does not tell of a running platform.", str(error), "make run") from error

    @functools.cached_property
    def config(self) -> Config:
        var = self.file.resolve().parent
        beside = var.parent if (var.parent / "manage.py").exists() else ROOT
        root = os.environ.get("MINATO_ROOT", str(beside))
        settings = {"MINATO_ROOT": root, "MINATO_VAR": str(var), "MINATO_PORT": str(self.run["ports"]["web"])}
        config = Config.from_env({**os.environ, **settings})
        if vars(config.ports) != self.run["ports"]:
            raise broken(f"The ports of {self.file} are not those of this checkout's settings.", hint="Set MINATO_NS.")
        return config

    @functools.cached_property
    def engine(self) -> SwarmEngine:
        """Return the platform's engine; its labels are of another namespace, so no reconciler takes our things away."""
        return SwarmEngine(self.config.engine_socket, self.ns)

    @property
    def ns(self) -> str:
        return f"{self.config.ns}-bench"

    @property
    def registry(self) -> Registry:
        return drivers(self.config).registry

    @functools.cached_property
    def stack(self) -> Stack:
        return Stack(**json.loads((self.config.run / "images.json").read_text()))

    @functools.cached_property
    def token(self) -> str:
        return Path(self.run["token_file"]).read_text().strip()

    @property
    def router(self) -> tuple[str, int]:
        host, _, port = self.run["router"].rpartition(":")
        return host, int(port)

    def app_host(self, app: str) -> str:
        return urlsplit(str(self.run["app_url"]).replace("{app}", app)).netloc

    def git_url(self, app: str) -> str:
        return str(self.run["git_url"]).replace("{app}", app)

    def check(self) -> None:
        """Raise PlatformError unless this is the engine of that platform: its registry proxy is there."""
        here = SwarmEngine(self.config.engine_socket, self.config.ns).instances({"minato.role": "regproxy"})
        if proxy_of(self.config.ns) not in [one.name for one in here]:
            raise broken("This engine has no registry proxy of this platform.", hint="make doctor")

    # -- the API ------------------------------------------------------------------------------------------------------
    def ask(self, method: str, path: str, body: object = None, *, good: tuple[int, ...] = (200,)) -> Any:
        """Return the answer's JSON. Raises PlatformError for any status but a `good` one; a GET is asked again."""
        status, raw = 0, b""
        for _ in range(TRIES if method == "GET" else 1):
            status, raw = self._asked(method, path, body)
            if status in good:
                return json.loads(raw or b"null")
            time.sleep(0.5)
        raise broken(f"{method} {path} answered {status}.", raw[:500].decode(errors="replace"))

    def _asked(self, method: str, path: str, body: object) -> tuple[int, bytes]:
        parts = urlsplit(self.run["url"])
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        web = kind(parts.hostname or "", parts.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            web.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
            answer = web.getresponse()
            return answer.status, answer.read()
        finally:
            web.close()

    def create_app(self, name: str) -> str:
        """Create an app in the token's oldest team and return its public id."""
        return str(self.ask("POST", "/apps", {"name": name, "team": self.team}, good=(201,))["id"])

    @functools.cached_property
    def team(self) -> str:
        return str(min(self.ask("GET", "/teams")["items"], key=lambda team: team["created"])["name"])

    def delete_app(self, name: str, uid: str) -> None:
        """Delete an app and wait until its services are gone; what is left then is said, and the reaper's to remove."""
        self.ask("DELETE", f"/apps/{name}", {"confirm": name}, good=(202, 404))
        until = time.monotonic() + REMOVAL
        labels = {"minato.ns": self.config.ns, "minato.app": uid}
        while self.engine.services(labels) or self.engine.instances(labels):
            if time.monotonic() > until:
                raise broken(f"{name} ({uid}) is deleted, but after {REMOVAL:.0f} s it still runs.")
            time.sleep(0.5)

    def newest(self, app: str, what: str) -> dict[str, Any]:
        """Return the newest row of an app's `builds` or `deploys`."""
        return dict(self.ask("GET", f"/apps/{app}/{what}")["items"][0])
