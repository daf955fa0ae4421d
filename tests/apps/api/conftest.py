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


@pytest.fixture
def live_shop(shop):
    """Shop with a release v1 that runs, made by rows alone."""
    from django.utils import timezone

    from apps.applications.models import Process
    from apps.builds.models import Build
    from apps.deploys.models import Deploy
    from apps.releases.models import Release
    from apps.sources.models import Source

    now = timezone.now()
    source = Source.objects.create(app=shop, sha256="0" * 64, size=1, origin="push", commit="4f2c1aa" + "0" * 33)
    build = Build.objects.create(
        app=shop, number=1, source=source, state="succeeded", image="r/a@sha256:1", deadline=now, processes={"web": "x"}
    )
    release = Release.objects.create(
        app=shop,
        number=1,
        build=build,
        image=build.image,
        processes={"web": "x"},
        formation=[{"type": "web", "quantity": 1, "size": "medium"}],
        description="Deploy 4f2c1aa",
        state="live",
    )
    Process.objects.create(app=shop, type="web", quantity=1)
    Deploy.objects.create(
        app=shop, number=1, kind="push", source=source, build=build, release=release, state="live", deadline=now
    )
    return shop
