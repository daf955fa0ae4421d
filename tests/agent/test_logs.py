"""What containers print arrives in the stream at once and in the store for good, whatever dies meanwhile."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent import logs
from agent.logs import publish, source_of
from minato.drivers.engine.fake import FakeEngine
from minato.drivers.streams.fake import FakeStreams
from minato.drivers.telemetry.fake import FakeTelemetry
from minato.observe.lines import decode
from minato.values.config import Config
from minato.values.engine import Instance, Limits, Workload
from minato.values.log import Line

pytestmark = pytest.mark.timeout(60)
LABELS = {"minato.app": "a_shop", "minato.process": "web", "minato.release": "v6", "minato.deploy": "12"}


class Node:
    """A node with one web instance, whose agent ships logs in this process."""

    def __init__(self, folder: Path) -> None:
        self.config = Config.from_env({"MINATO_VAR": str(folder / "var"), "MINATO_NS": "lgunit"})
        self.config.logs.mkdir(parents=True)
        (folder / "engine").mkdir()
        self.engine = FakeEngine(log_root=folder / "engine")
        self.streams = FakeStreams()
        self.telemetry = FakeTelemetry()
        self.threads: list[threading.Thread] = []
        limits = Limits(memory=1 << 20, cpu=1)
        self.workload = Workload(
            name="web-12",
            image="i@sha256:0",
            command=("/cnb/process/web",),
            env={},
            labels=LABELS,
            replicas=1,
            limits=limits,
        )
        self.engine.ensure(self.workload)
        self.start()

    @property
    def container(self) -> str:
        return next(seen.container for seen in self.engine.instances(LABELS) if seen.state == "running")

    def start(self) -> None:
        self.stop = threading.Event()
        outside = {"engine": self.engine, "streams": self.streams, "telemetry": self.telemetry}
        self.thread = threading.Thread(target=logs.ship, kwargs={"config": self.config, **outside, "stop": self.stop})
        self.thread.start()

    def end(self) -> None:
        self.stop.set()
        self.thread.join(20)

    def say(self, *words: str) -> None:
        self.engine.write(self.container, "".join(f"{word}\n" for word in words).encode())

    def live(self) -> list[str]:
        return [decode(fields["l"]).text for _, fields in self.streams.streams.get("log:a_shop", [])]

    def stored(self) -> list[str]:
        return [line.text for line in self.telemetry.lines("a_shop", limit=100_000)]


@pytest.fixture
def node(tmp_path):
    node = Node(tmp_path)
    yield node
    node.end()


def soon(check: Callable[[], bool], within: float = 5.0) -> float:
    began = time.monotonic()
    while not check():
        assert time.monotonic() - began < within
        time.sleep(0.005)
    return time.monotonic() - began


def test_a_line_is_live_in_a_blink_and_stored_soon(node):
    node.say("warm")
    soon(lambda: node.live() == ["warm"])
    node.say("hello")
    assert soon(lambda: node.live() == ["warm", "hello"]) < 0.3
    soon(lambda: node.stored() == ["warm", "hello"])
    (line,) = node.telemetry.lines("a_shop", q="hello")
    assert (line.source, line.process, line.release, line.container) == ("app", "web.1", "v6", node.container[:12])


def test_a_new_container_s_first_line_is_live_in_a_blink(node):
    soon(lambda: node.thread.is_alive())
    time.sleep(0.3)
    node.engine.scale("web-12", 2)
    second = next(seen for seen in node.engine.instances(LABELS) if seen.ordinal == 2)
    node.engine.write(second.container, b"I am new\n")
    assert soon(lambda: node.live() == ["I am new"]) < 0.3
    soon(lambda: [line.process for line in node.telemetry.lines("a_shop")] == ["web.2"])


def test_a_store_that_is_away_keeps_nobody_from_the_live_tail(node):
    node.telemetry.down = True
    node.say("one", "two")
    soon(lambda: node.live() == ["one", "two"])
    time.sleep(1)
    node.say("three")
    soon(lambda: node.live() == ["one", "two", "three"])
    node.telemetry.down = False
    soon(lambda: node.stored() == ["one", "two", "three"])


def test_a_stream_that_is_away_keeps_nobody_from_the_store(node):
    node.streams.down = True
    node.say("one", "two")
    soon(lambda: node.stored() == ["one", "two"])
    node.streams.down = False
    soon(lambda: node.live() == ["one", "two"])


def test_a_new_agent_goes_on_where_the_old_one_stopped(node):
    node.say("one")
    soon(lambda: node.stored() == ["one"] and node.live() == ["one"])
    time.sleep(1.2)
    node.end()
    node.say("two")
    node.start()
    soon(lambda: node.stored() == ["one", "two"])
    soon(lambda: node.live() == ["one", "two"])


def test_what_was_not_committed_is_sent_again_as_the_same_line(node):
    node.say("one", "two")
    soon(lambda: len(node.stored()) == 2)
    node.end()
    (node.config.var / "data" / "agent" / "offsets.json").write_text("broken")
    node.start()
    node.say("three")
    soon(lambda: "three" in node.stored())
    assert node.stored() == ["one", "two", "three"]


def test_a_container_that_is_gone_is_finished_first(node):
    node.say("first words")
    soon(lambda: node.stored() == ["first words"])
    node.say("last words")
    node.engine.remove("web-12")
    soon(lambda: node.stored() == ["first words", "last words"])
    offsets = node.config.var / "data" / "agent" / "offsets.json"
    soon(lambda: list(json.loads(offsets.read_text())) == [] if offsets.exists() else False)


def test_a_short_life_while_the_store_is_away_is_kept(node):
    soon(lambda: node.thread.is_alive())
    node.telemetry.down = True
    node.say("one")
    soon(lambda: node.live() == ["one"])
    node.engine.scale("web-12", 2)
    second = next(seen for seen in node.engine.instances(LABELS) if seen.ordinal == 2)
    node.engine.write(second.container, b"short\n")
    soon(lambda: node.live() == ["one", "short"])
    time.sleep(0.7)
    node.engine.scale("web-12", 1)
    node.engine.remove_container(second.container)
    Path(second.log_path).unlink(missing_ok=True)
    node.telemetry.down = False
    soon(lambda: sorted(node.stored()) == ["one", "short"])


def test_the_router_s_lines_are_the_app_s(node):
    row = (
        "t=1763974800123456 app=a_shop deploy=12 release=v6 slot=slot0003 server=web.1.0f3c00000000 "
        'method=GET path="/x" host="shop" request_id="7f" fwd="::1" protocol=http '
        "tr=0 tw=0 tc=1 ts=12 ta=13 status=200 bytes=318 end=--\n"
    )
    with (node.config.logs / "router.log").open("a") as file:
        file.write("[NOTICE] hello\n" + row)
    soon(lambda: len(node.stored()) == 1)
    assert node.telemetry.lines("a_shop", source="minato")[0].text.startswith('at=info method=GET path="/x" host=shop')


def test_lines_stay_in_order_while_they_come_fast(node):
    wanted = [f"line {number}" for number in range(20_000)]
    for start in range(0, 20_000, 1000):
        node.say(*wanted[start : start + 1000])
    soon(lambda: len(node.stored()) == 20_000, within=20)
    by_id = sorted(node.telemetry.lines("a_shop", limit=100_000), key=lambda line: line.id)
    assert [line.text for line in by_id] == wanted
    soon(lambda: node.live()[-1:] == wanted[-1:], within=20)
    assert node.live() == wanted[-logs.LIVE_LINES :]


@pytest.mark.parametrize(
    "labels, name",
    [
        ({"minato.app": "a_shop", "minato.process": "release"}, "release.1"),
        ({"minato.app": "a_shop", "minato.process": "worker"}, "worker.1"),
        ({"minato.app": "a_shop", "minato.process": "x", "minato.build": "b_one"}, None),
        ({"minato.app": "a_shop"}, None),
        ({}, None),
    ],
)
def test_processes_are_called_by_what_people_call_them(labels, name):
    seen = Instance(container="c" * 64, name="x", labels=labels, state="running", log_path="/x")
    found = source_of(seen)
    assert (found.origin.process if found and found.origin else None) == name


def test_the_router_s_log_gives_back_its_disk(node, monkeypatch):
    monkeypatch.setattr(logs, "TRIM", 1 << 20)
    path = node.config.logs / "router.log"
    with path.open("a") as file:
        file.writelines(f"[NOTICE] {number:0100}\n" for number in range(60_000))
    size, blocks = path.stat().st_size, path.stat().st_blocks
    soon(lambda: path.stat().st_blocks < blocks / 2, within=20)
    assert path.stat().st_size == size


def test_what_is_live_is_short_and_few_for_one_app_may_not_fill_the_memory_of_all():
    streams = FakeStreams()
    lines = [
        Line(id=f"c:{n}", at=datetime.now(UTC), app="a_shop", source="app", process="web.1", text="x" * 60_000)
        for n in (1, 2)
    ]
    publish(streams)(lines * 1500)
    kept = streams.read("log:a_shop", limit=10_000)
    assert len(kept) == 2000
    assert len(decode(kept[-1][1]["l"]).text) < 4200
