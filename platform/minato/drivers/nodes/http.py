"""`/internal/v1` over HTTP, with the node's own token."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import httpx

from minato.drivers.nodes import away
from minato.values.router import Observed, RouterState

HOLD = 25.0  # seconds that the doors hold a question
ANSWER = 10.0
CONNECT = 2.0


class HttpNodes:
    """Two connections, because a held question must not keep a report waiting. The token is read for every call."""

    def __init__(self, url: str, *, node: str, token: Path) -> None:
        self.path = f"/internal/v1/nodes/{node}"
        self.token = token
        trust = ssl.create_default_context() if url.startswith("https") else True
        self._held = _client(url, trust, HOLD + ANSWER)
        self._brief = _client(url, trust, ANSWER)

    def desired(self, *, after: int) -> RouterState | None:
        answer = self._call(self._held, "GET", "/desired", params={"after": after})
        if answer.status_code == httpx.codes.NO_CONTENT:
            return None
        try:
            return RouterState.from_json(answer.json())
        except (ValueError, KeyError, TypeError) as error:
            raise away(f"not a router state: {error}") from error

    def observe(self, observed: Observed) -> None:
        self._call(self._brief, "PUT", "/observed", json=observed.to_json())

    def _call(self, client: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            secret = self.token.read_text().strip()
            answer = client.request(method, self.path + path, headers={"Authorization": f"Bearer {secret}"}, **more)
        except (httpx.HTTPError, OSError) as error:
            raise away(str(error)) from error
        if answer.is_error:
            raise away(f"{method} {self.path}{path}: {answer.status_code}")
        return answer


def _client(url: str, trust: ssl.SSLContext | bool, timeout: float) -> httpx.Client:
    # A proxy of the machine's environment is not for us: the doors are ours.
    return httpx.Client(base_url=url, verify=trust, trust_env=False, timeout=httpx.Timeout(timeout, connect=CONNECT))
