"""One contract for the store and for the fake. The real one is a telemetryd of this module's own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from minato.drivers.telemetry import Telemetry
from minato.drivers.telemetry.clickhouse import ClickHouseTelemetry
from minato.drivers.telemetry.fake import FakeTelemetry
from minato.errors import PlatformError
from minato.values.config import Config
from minato.values.log import Line

START = datetime(2026, 11, 24, 8, 0, 0, 123456, tzinfo=UTC)
pytestmark = pytest.mark.timeout(120)


def free_port() -> int:
    """Return the first of a block whose telemetry port is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1]) - 3


class Server:
    """A telemetryd with a var folder and a port of its own."""

    def __init__(self, var: Path, **more: str) -> None:
        port = free_port()
        self.env = {
            **os.environ,
            "MINATO_VAR": str(var),
            "MINATO_NS": "lgtest",
            "MINATO_PORT": str(port),
            "MINATO_FAKES": "",
            **more,
        }
        self.config = Config.from_env(self.env)
        self.client = ClickHouseTelemetry(self.config.telemetry_url, self.config.keys)
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "telemetryd"], env=self.env)
        for _ in range(600):
            if self.client.ready():
                return
            time.sleep(0.05)
        raise AssertionError("telemetryd did not start")

    def stop(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(20)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("telemetry"))
    server.client.migrate()
    yield server
    server.stop()


@pytest.fixture(params=["fake", "telemetryd"])
def store(request) -> Telemetry:
    if request.param == "fake":
        return FakeTelemetry()
    client = request.getfixturevalue("server").client
    for app in ("a_shop", "a_other"):
        client.delete(app)
    return client


def line(number: int, text: str = "", **more: object) -> Line:
    values: dict[str, object] = {
        "id": f"c1:0:{number:012}",
        "at": START + timedelta(milliseconds=number),
        "app": "a_shop",
        "source": "app",
        "process": "web.1",
        "text": text or f"line {number}",
        "release": "v6",
        "container": "c1",
        **more,
    }
    return Line(**values)


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


def test_what_was_written_comes_back_whole(store):
    wrote = line(1, 'a "quoted" \\ line; with é, 港, tab\t and -- a comment', level="error", status=503)
    store.write([wrote])
    assert store.lines("a_shop") == [wrote]


def test_the_newest_lines_come_in_order_of_time(store):
    store.write([line(n) for n in (3, 1, 2, 4)])
    assert texts(store.lines("a_shop", limit=3)) == ["line 2", "line 3", "line 4"]


def test_a_line_written_twice_is_one_line(store):
    store.write([line(1), line(2)])
    store.write([line(1), line(2), line(3)])
    assert texts(store.lines("a_shop")) == ["line 1", "line 2", "line 3"]


def test_replays_take_no_line_s_place(store):
    for _ in range(5):
        store.write([line(n) for n in range(1, 6)])
    assert texts(store.lines("a_shop", limit=3)) == ["line 3", "line 4", "line 5"]


def test_lines_of_one_moment_keep_their_order(store):
    store.write([line(n, at=START) for n in (11, 9, 10)])
    assert texts(store.lines("a_shop")) == ["line 9", "line 10", "line 11"]


def test_no_app_sees_another_s_lines(store):
    store.write([line(1), line(2, app="a_other")])
    assert texts(store.lines("a_other")) == ["line 2"]
    assert store.lines("a_nobody") == []


def test_builds_are_apart_and_may_share_ids(store):
    store.write(
        [line(1), line(2, id="1-1", build="b_one", source="build"), line(3, id="1-1", build="b_two", source="build")]
    )
    assert texts(store.lines("a_shop")) == ["line 1"]
    assert texts(store.lines("a_shop", build="b_one")) == ["line 2"]
    assert texts(store.lines("a_shop", build="b_two")) == ["line 3"]


@pytest.mark.parametrize(
    "wanted, found",
    [
        ({"source": "minato"}, [3]),
        ({"process": "web"}, [1, 2]),
        ({"process": "web.2"}, [2]),
        ({"process": "we"}, []),
        ({"level": "error"}, [2]),
        ({"since": (START + timedelta(milliseconds=2)).isoformat()}, [2, 3]),
        ({"before": (START + timedelta(milliseconds=2)).isoformat()}, [1]),
        ({"q": "ORDER"}, [1]),
        ({"q": "café 100%"}, [2]),
        ({"q": "100_"}, []),
        ({"q": "\\path"}, [2]),
        ({"q": "' OR 1=1"}, []),
        ({"q": "x"}, []),
    ],
)
def test_lines_are_found_by(store, wanted, found):
    store.write(
        [
            line(1, "an order came"),
            line(2, "Café 100% C:\\path", process="web.2", level="error"),
            line(3, "at=info", source="minato", process="router"),
        ]
    )
    assert [int(line.id[-2:]) for line in store.lines("a_shop", **wanted)] == found


def test_a_deleted_app_leaves_nothing(store):
    store.write([line(1), line(2, build="b_one"), line(3, app="a_other")])
    store.delete("a_shop")
    assert store.lines("a_shop") == store.lines("a_shop", build="b_one") == []
    assert texts(store.lines("a_other")) == ["line 3"]


def test_nothing_written_is_nothing_done(store):
    store.write([])
    assert store.lines("a_shop") == []


def test_the_schema_is_applied_once(store):
    store.migrate()
    assert store.migrate() == []


def test_a_store_that_is_away_says_so():
    for store in (FakeTelemetry(), ClickHouseTelemetry("http://127.0.0.1:9", Path("/nonexistent"))):
        if isinstance(store, FakeTelemetry):
            store.down = True
        with pytest.raises(PlatformError) as raised:
            store.write([line(1)])
        assert raised.value.code == "telemetry:platform:away"
        assert not store.ready()


def test_big_batches_are_cut(server):
    server.client.delete("a_shop")
    server.client.write([line(n, "x" * 100_000) for n in range(200)])
    assert len(server.client.lines("a_shop", limit=1000)) == 200


def test_a_query_takes_its_values_apart_from_its_words(server):
    assert server.client.query("SELECT {n:UInt8} + 1 AS more, {s:String} AS said", {"n": 2, "s": "a'b\\c\td"}) == [
        {"more": 3, "said": "a'b\\c\td"}
    ]


def test_a_refused_statement_is_not_an_absence(server):
    with pytest.raises(PlatformError) as raised:
        server.client.query("SELECT nothing FROM nowhere", {})
    assert raised.value.code == "telemetry:platform:refused"


def test_kill_9_loses_no_line_that_was_acknowledged(tmp_path):
    server = Server(tmp_path)
    server.client.migrate()
    for number in range(20):
        server.client.write([line(number * 100 + n) for n in range(100)])
    server.stop(signal.SIGKILL)
    server.start()
    assert len(server.client.lines("a_shop", limit=10_000)) == 2000
    assert server.client.migrate() == []
    assert server.stop() == 0


def test_a_long_line_is_cut_and_found_by_all_of_it(store):
    store.write([line(1, "港" * 5000 + " needle"), line(2, "short")])
    long, short = store.lines("a_shop", longest=100)
    assert (long.text, short.text) == ("港" * 100 + " …", "short")
    assert [one.id for one in store.lines("a_shop", q="needle", longest=100)] == [long.id]
    assert store.lines("a_shop", q="needle")[0].text.endswith(" needle")
