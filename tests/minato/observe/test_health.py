"""Health is the last observation and its age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from minato.observe.health import Seen, judge

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def web(ordinal: int = 1, **more) -> Seen:
    return Seen(**{"process": "web", "ordinal": ordinal, "state": "running", "ready": True, "check": "L7OK", **more})


def health(*seen: Seen, age: float | None = 1.0, **more):
    at = None if age is None else NOW - timedelta(seconds=age)
    return judge(
        **{
            "released": True,
            "formation": {"web": 2},
            "crashed": {},
            "seen": seen,
            "observed_at": at,
            "now": NOW,
            **more,
        }
    )


@pytest.mark.parametrize(
    "seen, more, status",
    [
        ([web(1), web(2)], {}, "running"),
        ([web(1), web(2, ready=False, check="L4CON")], {}, "degraded"),
        ([web(1, ready=False, check="INI")], {}, "starting"),
        ([], {}, "starting"),
        ([], {"released": False}, "none"),
        ([], {"formation": {"web": 0}}, "stopped"),
        ([], {"crashed": {"web": 3}}, "crashed"),
        ([web(1), web(2)], {"age": 10.5}, "unknown"),
        ([web(1), web(2)], {"age": None}, "unknown"),
        (
            [Seen(process="worker", ordinal=1, state="running", ready=False, check="")],
            {"formation": {"worker": 1}},
            "running",
        ),
        ([web(1, ready=False, check="")], {"formation": {"web": 1}}, "starting"),
    ],
)
def test_status_in_words(seen, more, status):
    assert health(*seen, **more).status == status


def test_old_and_new_together_are_no_more_than_desired():
    assert (health(web(1), web(2), web(1), web(2)).ready, health().desired) == (2, 2)


def test_it_says_why():
    assert health(web(1), web(2, ready=False, check="L4CON")).why == "web.2: running, L4CON"
    assert health(crashed={"web": 137}).why == "web: exit code 137"
    assert health(age=34).why == "last observed 34 s ago"
    assert health(age=2).age == 2
