"""The doors as everybody: the same walk as for the URL conf, over raw ASGI."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import importlib
import re
from typing import Any

import pytest

from apps.access.viewer import SCOPES
from apps.accounts import tokens
from doors.mount import DOORS, Doors

pytestmark = pytest.mark.django_db(transaction=True)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

# door and its pattern -> the addresses behind it; {name} is an object. A changed pattern needs a new look at its rule.
RULES: dict[tuple[str, str], tuple[str, list[str]]] = {
    ("doors.git", "PATH"): (
        r"^/git/([a-z0-9_-]{1,40})\.git/(info/refs|git-receive-pack|git-upload-pack|info/lfs/objects/batch)\Z",
        [
            "/git/{app}.git/info/refs?service=git-receive-pack",
            "/git/{app}.git/info/refs?service=git-upload-pack",
            "/git/{app}.git/git-receive-pack",
            "/git/{app}.git/git-upload-pack",
            "/git/{app}.git/info/lfs/objects/batch",
        ],
    ),
    ("doors.uploads", "PATH"): (r"^/api/v1/apps/([^/]+)/sources\Z", ["/api/v1/apps/{app}/sources"]),
    ("doors.events", "LOGS"): (r"^/api/v1/apps/([^/]+)/logs\Z", ["/api/v1/apps/{app}/logs"]),
    ("doors.events", "DEPLOY"): (
        r"^/api/v1/apps/([^/]+)/deploys/(\d{1,9})/events\Z",
        ["/api/v1/apps/{app}/deploys/1/events"],
    ),
    ("doors.agents", "PATH"): (
        r"^/internal/v1/nodes/([a-z0-9-]{1,30})/(desired|observed)$",
        ["/internal/v1/nodes/{node}/desired", "/internal/v1/nodes/{node}/observed"],
    ),
}
ADDRESSES = [address for _pattern, addresses in RULES.values() for address in addresses]
FOREIGN = {"app": "shop", "node": "n1"}
NEVER = {"app": "ghost", "node": "ghost"}
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


async def nobody(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError(f"no door took {scope['path']}")


def ask(method: str, address: str, authorization: str = "") -> Answer:
    """Return status, headers and body of one request; it hangs up after its first answer."""
    path, _mark, query = address.partition("?")
    headers = [(b"x-request-id", b"same"), (b"accept", b"text/event-stream")]
    headers += [(b"authorization", authorization.encode())] if authorization else []
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers}
    sent: list[Any] = []
    arrived = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        return next(arrived, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(asyncio.wait_for(Doors(nobody)(scope, receive, send), 20))
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], sorted(sent[0]["headers"]), body


def ways(user: Any) -> list[str]:
    """Return a person's token, as git and as the API send it."""
    secret = tokens.make(user=user, name="walk", scopes=SCOPES)[1]
    return [f"Bearer {secret}", "Basic " + base64.b64encode(f"any:{secret}".encode()).decode()]


def node_token(name: str) -> str:
    from apps.instances.models import Node

    secret = f"token-of-{name}"
    Node.objects.create(name=name, token_sha256=hashlib.sha256(secret.encode()).hexdigest())
    return f"Bearer {secret}"


def test_every_door_and_each_of_its_addresses_has_a_rule():
    found = {}
    for module in {module for module, _door in DOORS}:
        for name, value in vars(importlib.import_module(module)).items():
            if isinstance(value, re.Pattern) and value.pattern.startswith("^/"):
                found[module, name] = value.pattern
    assert found == {key: pattern for key, (pattern, _addresses) in RULES.items()}
    for pattern, addresses in RULES.values():
        for address in addresses:
            assert re.match(pattern, address.format(**FOREIGN).partition("?")[0])


def test_a_stranger_gets_what_a_name_that_never_was_gets(live_shop, bob):
    told = []
    for authorization in [*ways(bob), node_token("n2")]:
        for address in ADDRESSES:
            for method in METHODS:
                foreign = ask(method, address.format(**FOREIGN), authorization)
                if foreign != ask(method, address.format(**NEVER), authorization):
                    told.append(f"{method} {address}")
                assert foreign[0] in (401, 404), f"{method} {address}: {foreign[0]}"
    assert told == []


def test_nobody_gets_401_at_every_door(live_shop):
    node_token("n1")
    for address in ADDRESSES:
        for method in METHODS:
            for authorization in ("", "Bearer mnt_pat_nonsense", "Basic bm9ib2R5Om5vdGhpbmc=", "Basic \xff"):
                status, _headers, _body = ask(method, address.format(**FOREIGN), authorization)
                assert status == 401, f"{method} {address} {authorization}: {status}"


def test_a_token_in_the_address_opens_no_door(live_shop, alice):
    secret = ways(alice)[0].removeprefix("Bearer ")
    for address in ADDRESSES:
        joint = "&" if "?" in address else "?"
        for name in ("token", "access_token", "private_token"):
            assert ask("GET", f"{address.format(**FOREIGN)}{joint}{name}={secret}")[0] == 401


def test_alice_is_let_in(live_shop, alice):
    """The walk means something: with her token these addresses are there."""
    bearer, basic = ways(alice)
    assert ask("GET", "/git/shop.git/info/refs?service=git-receive-pack", basic)[0] == 200
    assert ask("PATCH", "/api/v1/apps/shop/sources", bearer)[0] == 405
    assert ask("PATCH", "/api/v1/apps/shop/logs", bearer)[0] == 405
    assert ask("PATCH", "/api/v1/apps/shop/deploys/1/events", bearer)[0] == 405
    assert ask("PATCH", "/internal/v1/nodes/n1/desired", node_token("n1"))[0] == 405
