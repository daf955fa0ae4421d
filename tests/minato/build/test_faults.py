"""Whose fault an exit code is."""

from __future__ import annotations

import pytest

from minato.build import faults


def test_no_buildpack_says_what_was_looked_for_and_what_is_there():
    lines = ["======== Output: minato/python@0.1.0 ========", "minato/python looked for: requirements.txt", "fail: x"]
    error = faults.of("detect", 20, lines, root=["README.md", "src"])
    assert (error.whose, error.code) == ("user", "build:user:no-buildpack")
    assert error.message == "None of 1 buildpacks recognised this source."
    assert error.evidence == "minato/python looked for: requirements.txt\nAt the root of the source: README.md, src"


def test_an_empty_source_says_so():
    assert faults.of("detect", 20, []).evidence == "At the root of the source: nothing"


def test_a_buildpacks_own_words_are_the_message_and_the_hint():
    lines = [
        "-----> Python",
        " !     It asks for 3.12.",
        " !     Change it to 3.13.",
        "ERROR: failed to build: exit status 1",
    ]
    error = faults.of("build", 51, lines)
    assert (error.whose, error.message, error.hint) == ("user", "It asks for 3.12.", "Change it to 3.13.")
    assert error.evidence == "Python"


def test_an_earlier_warning_is_not_the_message():
    error = faults.of("build", 51, [" !     runtime.txt is out of date", "       more", " !     uv failed"])
    assert error.message == "uv failed"


@pytest.mark.parametrize("line", ["ERROR: No matching distribution found for x", "No space left on device"])
def test_known_words_of_tools_are_explained(line):
    error = faults.of("build", 51, [line])
    assert error.code == "build:user:failed"
    assert error.message != "A buildpack failed."


@pytest.mark.parametrize("code, oom", [(137, False), (51, True)])
def test_too_much_memory_is_named(code, oom):
    assert faults.of("build", code, [], oom=oom).code == "build:user:memory"


@pytest.mark.parametrize(
    "phase, code, name",
    [
        ("analyze", 1, "analyze"),
        ("analyze", 32, "registry"),
        ("detect", 21, "detect"),
        ("restore", 42, "cache"),
        ("export", 62, "export"),
        ("export", 11, "api"),
        ("build", 52, "build"),
    ],
)
def test_the_rest_is_the_platforms_and_never_the_apps(phase, code, name):
    error = faults.of(phase, code, ["words"])
    assert (error.whose, error.code) == ("platform", f"build:platform:{name}")
    assert error.evidence == "words"


def test_evidence_is_the_last_twenty_lines():
    assert faults.last([str(n) for n in range(50)]).splitlines() == [str(n) for n in range(30, 50)]
