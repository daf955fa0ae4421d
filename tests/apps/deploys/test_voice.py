"""Lines reach the stream as they happen, survive a lost Redis and a lost store, and fail nothing."""

import pytest

from apps.deploys import voice as module
from apps.deploys.voice import Voice, ship, spool
from minato.drivers.streams.fake import FakeStreams
from minato.drivers.telemetry.fake import FakeTelemetry
from minato.errors import UserError
from minato.values.build import Phase


@pytest.fixture
def streams():
    return FakeStreams()


@pytest.fixture
def voice(streams, config):
    return Voice(stream="build:b_voice", app="a_one", fence=3, streams=streams, config=config)


@pytest.fixture(autouse=True)
def empty(config):
    yield
    for file in spool(config).glob("*.jsonl"):
        file.unlink()


def told(streams, stream="build:b_voice"):
    return [(id_, fields["k"], fields["t"]) for id_, fields in streams.read(stream)]


def test_lines_have_the_fence_and_a_number(voice, streams):
    voice.head("Building")
    voice.body("one\ntwo")
    voice.end("succeeded")
    assert told(streams) == [
        ("3-1", "head", "Building"),
        ("3-2", "body", "one"),
        ("3-3", "body", "two"),
        ("3-4", "end", "succeeded"),
    ]


def test_a_superseded_voice_is_not_heard(voice, streams, config):
    newer = Voice(stream="build:b_voice", app="a_one", fence=4, streams=streams, config=config)
    newer.head("again")
    voice.head("zombie")
    assert told(streams) == [("4-1", "head", "again")]


def test_lines_wait_while_redis_is_down_and_come_in_order(voice, streams, monkeypatch):
    monkeypatch.setattr(module, "RETRY", 0.0)
    voice.head("one")
    streams.down = True
    voice.body("two")
    voice.body("three")
    streams.down = False
    voice.body("four")
    assert [text for _, _, text in told(streams)] == ["one", "two", "three", "four"]


def test_a_dead_redis_is_asked_once_a_second_at_most(voice, streams, monkeypatch):
    asked = []
    streams.down = True
    monkeypatch.setattr(streams, "_answer", lambda original=streams._answer: asked.append(1) or original())
    for _ in range(50):
        voice.body("x")
    assert len(asked) == 1


def test_the_end_is_said_even_if_redis_came_back_just_now(voice, streams):
    streams.down = True
    voice.body("one")
    streams.down = False
    voice.end("failed", code="c", message="m")
    assert [kind for _, kind, _ in told(streams)] == ["body", "end"]


def test_an_error_is_reason_evidence_and_what_to_do(voice, streams):
    error = UserError(code="x:user:y", message="It broke.", evidence="line 1\nline 2", hint="Mend it.")
    voice.error("Push rejected, ", error)
    assert [(kind, text) for _, kind, text in told(streams)] == [
        ("warn", "Push rejected, It broke."),
        ("body", "line 1"),
        ("body", "line 2"),
        ("warn", "Mend it."),
    ]


def test_a_very_long_line_is_cut(voice, streams):
    voice.body("x" * 100_000)
    ((_, _, text),) = told(streams)
    assert len(text) == module.LONGEST


def test_kept_lines_are_shipped_once_with_their_ids_and_the_file_goes(voice, config):
    store = FakeTelemetry()
    voice.head("Building")
    voice.phase(Phase(name="detect", seconds=0.1, exit_code=0))
    voice.body("one")
    assert ship("b_voice", telemetry=store, config=config)
    assert [(line.id, line.text) for line in store.lines("a_one", build="b_voice")] == [
        ("3-1", "Building"),
        ("3-3", "one"),
    ]
    assert not (spool(config) / "b_voice.jsonl").exists()
    assert ship("b_voice", telemetry=store, config=config)


def test_while_the_store_is_away_lines_stay_on_disk(voice, config):
    store = FakeTelemetry()
    store.down = True
    voice.body("one")
    assert not ship("b_voice", telemetry=store, config=config)
    store.down = False
    assert ship("b_voice", telemetry=store, config=config)
    assert [line.text for line in store.lines("a_one", build="b_voice")] == ["one"]


def test_a_line_that_was_cut_by_a_crash_is_left_out(voice, config):
    voice.body("one")
    with (spool(config) / "b_voice.jsonl").open("a") as file:
        file.write('{"id": "3-2", "at": "2026')
    assert ship("b_voice", telemetry=FakeTelemetry(), config=config)


def test_a_full_disk_fails_no_build(voice, streams, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(type(voice._file), "open", full)
    voice.body("one")
    assert told(streams) == [("3-1", "body", "one")]
