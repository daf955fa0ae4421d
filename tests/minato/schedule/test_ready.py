"""Ready, still coming, or broken."""

from datetime import UTC, datetime, timedelta

import pytest

from minato.schedule.ready import Seen, Verdict, crashed, judge, why_not
from minato.values.process import Formation

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SETTLE = timedelta(seconds=5)


def seen(process="web", state="running", *, ready=False, ago=10.0, ended=None, code=None, oom=False, check="", n=1):
    finished = None if ended is None else NOW - timedelta(seconds=ended)
    return Seen(
        container=f"c{n}",
        process=process,
        state=state,
        ready=ready,
        check=check,
        exit_code=code,
        oom=oom,
        started_at=NOW - timedelta(seconds=ago),
        finished_at=finished,
    )


def judged(formation, instances):
    return judge([Formation(type=t, quantity=q) for t, q in formation], instances, now=NOW, settle=SETTLE)


def test_web_is_ready_at_the_routers_word():
    assert judged([("web", 1)], [seen(ready=True, ago=0.1)]).ready
    assert judged([("web", 1)], [seen(ready=False, ago=60)]).missing == ("web",)


def test_every_instance_counts():
    assert judged([("web", 2)], [seen(ready=True)]).missing == ("web",)
    assert judged([("web", 2)], [seen(ready=True), seen(ready=True)]).ready


def test_another_type_is_ready_when_it_has_run_for_5_seconds():
    assert judged([("worker", 1)], [seen("worker", ago=4.9)]).missing == ("worker",)
    assert judged([("worker", 1)], [seen("worker", ago=5)]).ready


def test_nothing_wanted_is_ready():
    assert judged([("web", 0)], []).ready and judged([], []).ready


def test_five_exits_are_a_crash_and_the_last_one_tells():
    exits = [seen(state="exited", ended=n, code=n) for n in (5, 4, 3, 2, 1)]
    assert judged([("web", 1)], exits[:4]).crashed is None
    assert judged([("web", 1)], exits).crashed.exit_code == 1


def test_exits_of_another_type_are_not_this_ones():
    exits = [seen("worker", state="exited", ended=1, code=1)] * 5
    assert judged([("web", 1)], [*exits, seen(ready=True)]).ready


def test_a_crash_is_five_exits_within_a_minute():
    exits = [seen(state="exited", ended=n, code=2) for n in (55, 40, 30, 20, 1)]
    assert crashed(exits, now=NOW, engine_started=None)
    assert crashed([*exits[1:], seen(state="exited", ended=61)], now=NOW, engine_started=None) is None


def test_nothing_counts_within_a_minute_of_an_engine_start():
    exits = [seen(state="exited", ended=n) for n in range(1, 9)]
    assert crashed(exits, now=NOW, engine_started=NOW - timedelta(seconds=30)) is None
    assert crashed(exits, now=NOW, engine_started=NOW - timedelta(seconds=120))


@pytest.mark.parametrize(
    ("instances", "words"),
    [
        ([], "no instance of web was started"),
        ([seen(check="L4CON")], "web does not listen on port 20017"),
        ([seen(check="L7STS")], "web answers, but not well: HTTP status 503"),
        ([seen(state="exited", ended=1, code=9)], "web exits with code 9 (1 times)"),
        ([seen(state="exited", ended=1, code=137, oom=True)], "(out of memory)"),
    ],
)
def test_why_it_was_not_ready(instances, words):
    message, _hint = why_not(Verdict(missing=("web",)), instances, port=20017, last_check="HTTP status 503")
    assert words in message


def test_who_does_not_bind_is_told_how():
    _message, hint = why_not(Verdict(missing=("web",)), [seen(check="L4CON")], port=20017)
    assert "0.0.0.0:$PORT" in hint
