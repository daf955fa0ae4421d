"""The registry proxy as the program it is."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from minato.children import regproxy


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def everything(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def echo_upper(listener: socket.socket) -> None:
    """Answer each connection, when its input has ended, with that input in upper case."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.sendall(everything(connection).upper())


@pytest.fixture
def place(tmp_path) -> Path:
    return tmp_path / "registry.sock"


@pytest.fixture
def port(place):
    number = free_port()
    child = subprocess.Popen([sys.executable, "-IS", regproxy.__file__, str(number), str(place)])
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", number)) == 0:
                break
        time.sleep(0.05)
    yield number
    child.terminate()
    child.wait()


def served(place: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place))
    listener.listen()
    threading.Thread(target=echo_upper, args=(listener,), daemon=True).start()
    return listener


def ask(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return everything(connection)


def test_bytes_pass_both_ways_and_so_does_the_end(port, place):
    with served(place):
        assert ask(port, b"x" * (5 << 20)) == b"X" * (5 << 20)


def test_a_registry_that_comes_back_is_found_again(port, place):
    with pytest.raises(ConnectionError):
        ask(port, b"nobody there")
    first = served(place)
    assert ask(port, b"one") == b"ONE"
    first.close()
    place.unlink()
    with served(place):
        assert ask(port, b"two") == b"TWO"
