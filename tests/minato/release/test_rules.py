"""Formations, config keys and descriptions."""

import pytest

from minato.errors import UserError
from minato.release import (
    adjust,
    check_key,
    check_value,
    describe_config,
    grows_in_place,
    next_formation,
    parse_scale,
    shown,
)
from minato.values.process import Formation


def formation(**quantities: int) -> tuple[Formation, ...]:
    return tuple(Formation(type=kind, quantity=quantity) for kind, quantity in quantities.items())


def test_the_first_deploy_runs_one_web_and_nothing_else():
    assert next_formation(["worker", "web", "release"], None) == formation(web=1, worker=0)
    assert next_formation(["worker"], None) == formation(worker=0)


def test_later_ones_keep_what_was_and_a_type_that_has_gone_goes():
    before = (Formation(type="web", quantity=3, size="large"), Formation(type="clock", quantity=1))
    after = next_formation(["web", "worker"], before)
    assert after == (Formation(type="web", quantity=3, size="large"), Formation(type="worker", quantity=0))


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("web=3", ("web", "=3", None)),
        ("worker+1", ("worker", "+1", None)),
        ("a-b-2:large", ("a-b", "-2", "large")),
    ],
)
def test_the_scale_grammar(text, change):
    assert parse_scale(text) == change


NO_NUMBER = (f"web={'9' * 5000}", "web=\u0663", "web=3\n")


@pytest.mark.parametrize("text", ["web", "web=", "=3", "web=x", "web 3", "web=3:", "web=3:a b", "", *NO_NUMBER])
def test_what_is_no_scale(text):
    with pytest.raises(UserError):
        parse_scale(text)


def test_changes_apply_in_order():
    assert adjust(formation(web=1), [("web", "+2", None), ("web", "-1", "small")]) == (
        Formation(type="web", quantity=2, size="small"),
    )


@pytest.mark.parametrize(
    ("before", "after", "in_place"),
    [
        ({"web": 1}, {"web": 3}, True),
        ({"web": 1, "worker": 0}, {"web": 2, "worker": 0}, True),
        ({"web": 3}, {"web": 1}, False),
        ({"web": 1, "worker": 0}, {"web": 1, "worker": 1}, False),
        ({"web": 1}, {"web": 0}, False),
        ({"web": 1}, {"web": 1}, True),
    ],
)
def test_only_growth_is_in_place(before, after, in_place):
    assert grows_in_place(formation(**before), formation(**after)) is in_place


def test_another_size_is_not_in_place():
    assert not grows_in_place(formation(web=1), (Formation(type="web", quantity=1, size="large"),))


def test_shown():
    assert shown(formation(web=2, worker=0, clock=1)) == "web=2 clock=1"
    assert shown(formation(web=0)) == "nothing"


@pytest.mark.parametrize("key", ["A", "_x", "DATABASE_URL", "a1", "LD", "PORTS", "MINATO"])
def test_good_keys(key):
    check_key(key)


@pytest.mark.parametrize("key", ["PORT", "PATH", "LD_PRELOAD", "MINATO_X", "CNB_X", "1", "", "A B", "A=", "Ä", "A\n"])
def test_bad_keys(key):
    with pytest.raises(UserError):
        check_key(key)


def test_values_that_no_environment_holds():
    with pytest.raises(UserError):
        check_value("A", "a\0b")
    with pytest.raises(UserError):
        check_value("A", "x" * 70_000)
    with pytest.raises(UserError):
        check_value("A", "half \ud800")


def test_descriptions():
    assert describe_config([("B", True), ("A", True)]) == "Set A, B"
    assert describe_config([("C", False)]) == "Remove C"
    assert describe_config([("A", True), ("C", False)]) == "Set A; Remove C"
