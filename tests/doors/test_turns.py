"""Whoever stands still at a door keeps nobody else waiting."""

from __future__ import annotations

import asyncio
import base64
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from doors import turns
from doors.turns import Turns, full
from tests.doors.test_uploads import PLACE, archive, put

ALICE, CAROL = 1, 3


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Turns.__init__, "__kwdefaults__", {"patience": 0.5})


def test_one_person_has_a_few_places_and_the_next_has_others():
    async def go() -> list[str]:
        places, told = Turns(most=3, each=2, patience=0.05), []
        await places.take(ALICE)
        await places.take(ALICE)
        with pytest.raises(TimeoutError):
            await places.take(ALICE)
        await places.take(CAROL)
        with pytest.raises(TimeoutError):  # all three are taken, though carol has one of hers left
            await places.take(CAROL)
        places.give(ALICE)
        await places.take(CAROL)
        for who in (ALICE, CAROL, CAROL):
            places.give(who)
        told += [str(who) for who in places._own]
        await asyncio.wait_for(places.take(ALICE), 1)
        return told

    assert asyncio.run(go()) == []  # nothing is kept of whoever has gone


def stalled(port: int, head: str) -> socket.socket:
    """Return a request whose body has begun and does not go on."""
    wire = socket.create_connection(("127.0.0.1", port), timeout=10)
    wire.sendall(f"{head}\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n0\r\n".encode())
    return wire


def test_uploads_of_one_person_that_stand_still_stop_nobody_else(served, platform):
    head = f"PUT {PLACE} HTTP/1.1\r\nAuthorization: Bearer alice-token"
    with ExitStack() as held:
        for _ in range(4):
            held.enter_context(stalled(served.port, head))
        time.sleep(0.3)  # a server says nothing to an upload until it has ended
        status, _headers, body = put(served, archive())
        assert (status, b"receive:platform:busy" in body) == (503, True)
        assert put(served, archive(), token="carol-token")[0] == 202


def test_pushes_of_one_person_that_stand_still_stop_nobody_else(served, platform):
    basic = base64.b64encode(b"any:alice-token").decode()
    head = (
        f"POST /git/shop.git/git-receive-pack HTTP/1.1\r\nAuthorization: Basic {basic}"
        "\r\nContent-Type: application/x-git-receive-pack-request"
    )
    with ExitStack() as held:
        for _ in range(4):
            wire = held.enter_context(stalled(served.port, head))
            assert wire.recv(12) == b"HTTP/1.1 200"  # its place is taken
        assert _refs(served, "alice-token") == 503
        assert _refs(served, "carol-token") == 200


def _refs(served, token: str) -> int:
    basic = base64.b64encode(f"any:{token}".encode()).decode()
    path = "/git/shop.git/info/refs?service=git-receive-pack"
    return put(served, path=path, method="GET", token="", Authorization=f"Basic {basic}")[0]


def test_nothing_large_begins_on_a_full_disk(served, platform, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(turns, "SPARE", 1 << 60)
    assert put(served, archive())[0] == 507
    assert _refs(served, "alice-token") == 507
    assert platform.uploaded == []


def test_a_folder_that_is_not_there_yet_lies_on_a_disk_too(tmp_path: Path):
    assert not full(tmp_path / "a" / "b")
