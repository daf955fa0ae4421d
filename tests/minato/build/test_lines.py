"""Output of strangers becomes lines that cannot lie."""

from __future__ import annotations

import pytest

from minato.build.lines import MOST, Splitter, clean, kind_of


@pytest.mark.parametrize(
    "raw, shown",
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\x00b\x08c\x7f\x9bd", "abcd"),
        ("tab\tstays", "tab\tstays"),
        ("right\u202eleft", "rightleft"),
        ("\x1bPodd\x1b\\", "odd"),
    ],
)
def test_control_bytes_go_and_colours_stay(raw, shown):
    assert clean(raw) == shown


def test_a_long_line_is_cut_and_says_so():
    assert clean("x" * (MOST + 5)) == "x" * MOST + " … (5 characters more)"


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_lines_are_the_same_in_pieces_of_any_size(size):
    data = "one\r\ntwo\nthrée\n10%\r20%\rlast".encode()
    splitter = Splitter()
    lines = [line for at in range(0, len(data), size) for line in splitter.feed(data[at : at + size])]
    assert [*lines, *splitter.end()] == ["one", "two", "thrée", "10%", "20%", "last"]


def test_a_line_without_an_end_does_not_grow_for_ever():
    splitter = Splitter()
    assert sum(len(splitter.feed(b"x" * 1000)) for _ in range(100)) >= 5


@pytest.mark.parametrize(
    "line, kind",
    [
        ("-----> Python", ("head", "Python")),
        ("       Resolved", ("body", "Resolved")),
        (" !     careful", ("warn", "careful")),
        ("anything", ("body", "anything")),
        ("----->x", ("body", "----->x")),
    ],
)
def test_herokus_marks_give_the_kind(line, kind):
    assert kind_of(line) == kind
