"""What the web process reads of a stranger before anybody has said who they are."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import uvicorn

from doors import bounds, wire
from doors.bounds import Bounded

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"


@dataclass
class Seen:
    """An application that reads all it is given, as Django does before its first look."""

    sizes: list[int] = field(default_factory=list)
    gone: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def __call__(self, scope, receive, send) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone += 1
                return
            size, more = size + len(message.get("body", b"")), message.get("more_body", False)
        self.sizes.append(size)
        self.headers = list(scope["headers"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def port(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(wire, "WITHIN", 0.5)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = int(probe.getsockname()[1])
    application = Bounded(seen, within=0.5)
    settings = uvicorn.Config(application, port=number, http=wire.Careful, lifespan="off", log_level="error")
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield number
    server.should_exit = True
    thread.join(10)


def talk(port: int, *pieces: bytes, pause: float = 0.0) -> bytes:
    """Send the pieces and return all that comes back until the other side hangs up or is silent for 2 s."""
    with socket.create_connection(("127.0.0.1", port), timeout=2.0) as wire_:
        heard = b""
        try:
            for piece in pieces:
                wire_.sendall(piece)
                time.sleep(pause)
            while data := wire_.recv(65536):
                heard += data
        except (TimeoutError, ConnectionError):
            pass
        return heard


def hung_up(port: int, data: bytes, *, after: float) -> bool:
    """Say whether the other side has hung up so many seconds after it got `data`."""
    with socket.create_connection(("127.0.0.1", port), timeout=after) as wire_:
        wire_.sendall(data)
        try:
            while wire_.recv(65536):
                pass
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        return True


def test_a_head_without_end_is_not_kept(port: int, seen: Seen):
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=2.0) as wire_:
        wire_.sendall(GET + b"X-Long: ")
        with pytest.raises(ConnectionError):
            for _ in range(64):
                wire_.sendall(b"a" * (1 << 20))
                sent += 1
    assert sent < 64
    assert seen.sizes == []


def test_a_head_that_is_a_little_too_large_gets_its_answer(port: int):
    heard = talk(port, GET + b"X-Long: " + b"a" * wire.LARGEST)
    assert heard.startswith(b"HTTP/1.1 431 ")


def test_trailers_neither_grow_for_ever_nor_become_headers(port: int, seen: Seen):
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"
    assert talk(port, chunked, b"Authorization: Bearer x\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    assert b"authorization" not in dict(seen.headers)
    assert hung_up(port, chunked + b"X-Long: " + b"a" * (1 << 20), after=2.0)


@pytest.mark.parametrize("begun", [b"", GET, GET + b"X-Slow: "])
def test_whoever_does_not_finish_a_head_is_not_waited_for(port: int, begun: bytes):
    assert hung_up(port, begun, after=1.5)


def test_the_next_request_of_a_connection_has_its_own_time(port: int, seen: Seen):
    heard = talk(port, GET + b"\r\n", GET + b"\r\n", GET + b"\r\n", pause=0.4)
    assert heard.count(b"HTTP/1.1 200 ") == 3
    assert heard.count(b"HTTP/1.1 408 ") == 0


def test_a_declared_body_that_is_too_large_is_refused_unread(port: int, seen: Seen):
    heard = talk(port, POST + b"Content-Length: 209715200\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 413 ")
    assert b"api:user:too-large" in heard
    assert (seen.sizes, seen.gone) == ([], 0)


def test_a_body_in_chunks_is_counted_as_it_comes(port: int, seen: Seen):
    piece = b"100000\r\n" + b"a" * (1 << 20) + b"\r\n"
    heard = talk(port, POST + b"Transfer-Encoding: chunked\r\n\r\n", *[piece] * 3)
    assert heard.startswith(b"HTTP/1.1 413 ") or heard == b""  # a client that still writes may be cut off first
    assert (seen.sizes, seen.gone) == ([], 1)


def test_a_body_that_stands_still_is_not_waited_for(port: int, seen: Seen):
    heard = talk(port, POST + b"Content-Length: 10\r\n\r\nabc")
    assert heard.startswith(b"HTTP/1.1 408 ")
    assert (seen.sizes, seen.gone) == ([], 1)


def test_a_body_of_the_largest_size_goes_through(port: int, seen: Seen):
    head = POST + b"Content-Length: %d\r\n\r\n" % bounds.LARGEST
    assert talk(port, head + b"a" * bounds.LARGEST).startswith(b"HTTP/1.1 200 ")
    assert seen.sizes == [bounds.LARGEST]
