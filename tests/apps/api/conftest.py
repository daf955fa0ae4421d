"""Clients of the API: alice, bob and carol with tokens of all scopes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from apps.access.viewer import SCOPES
from apps.accounts import tokens
from tests.apps.api import contract


class Api:
    """A client that sends JSON and a bearer token."""

    def __init__(self, secret: str = "") -> None:
        self._client = Client()
        self._headers = {"Authorization": f"Bearer {secret}"} if secret else {}

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else json.dumps(body) if body is not None else ""
        answer = self._client.generic(
            method, path, data, content_type="application/json", headers={**self._headers, **named}
        )
        contract.check(method, path, answer)
        return answer

    def get(self, path: str, **headers: str) -> Any:
        return self("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self("PATCH", path, body, **headers)

    def delete(self, path: str, body: Any = None, **headers: str) -> Any:
        return self("DELETE", path, body, **headers)


def client_of(user, scopes=SCOPES, app=None) -> Api:
    return Api(tokens.make(user=user, name="test", scopes=scopes, app=app)[1])


@pytest.fixture
def anonymous() -> Api:
    return Api()


@pytest.fixture
def as_alice(alice) -> Api:
    return client_of(alice)


@pytest.fixture
def as_bob(bob) -> Api:
    return client_of(bob)


@pytest.fixture
def as_carol(carol) -> Api:
    return client_of(carol)


@pytest.fixture
def token_of():
    """Return a client with a token of some scopes, perhaps bound to one app."""
    return client_of
