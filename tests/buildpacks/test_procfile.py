"""minato/procfile against Heroku's format."""

from __future__ import annotations

import sys
import tomllib

import pytest

from tests.buildpacks.conftest import HOUSE

sys.path.append(str(HOUSE / "procfile/lib"))
from procfile.grammar import BadLineError, parse  # noqa: E402


def test_a_source_without_a_procfile_is_not_detected(source):
    done = source.run("procfile", "detect")
    assert done.returncode == 100
    assert "looked for: Procfile" in done.stdout


def test_each_line_becomes_a_process_that_bash_runs(source):
    source.put("Procfile", "web: gunicorn app:app --bind 0.0.0.0:$PORT\nworker: python work.py\n")
    assert source.run("procfile", "detect").returncode == 0
    done = source.run("procfile", "build")
    assert "-----> Discovering process types" in done.stdout
    assert "       Procfile declares types -> web, worker" in done.stdout
    assert tomllib.loads((source.layers / "launch.toml").read_text())["processes"] == [
        {"type": "web", "command": ["bash", "-c"], "args": ["gunicorn app:app --bind 0.0.0.0:$PORT"], "default": True},
        {"type": "worker", "command": ["bash", "-c"], "args": ["python work.py"], "default": False},
    ]


def test_the_only_process_is_the_default(source):
    source.put("Procfile", "worker: python work.py")
    source.run("procfile", "build")
    assert tomllib.loads((source.layers / "launch.toml").read_text())["processes"][0]["default"] is True


def test_quotes_and_backslashes_survive(source):
    line = """python -c 'print("a\\n", "ü")'"""
    source.put("Procfile", f"web: {line}\n")
    source.run("procfile", "build")
    assert tomllib.loads((source.layers / "launch.toml").read_text())["processes"][0]["args"] == [line]


def test_a_line_without_a_colon_ends_the_build_and_names_the_line(source):
    source.put("Procfile", "# comment\nweb gunicorn\n")
    done = source.run("procfile", "build")
    assert done.returncode == 1
    assert " !     Line 2 of the Procfile has no colon" in done.stdout


def test_comments_empty_lines_and_spaces_are_free():
    text = "\ufeff# first\n\n   \t\n  web:\tgunicorn  \r\n\t# last\n"
    assert parse(text).processes == {"web": "gunicorn"}


def test_the_last_of_equal_keys_counts_and_says_so():
    found = parse("web: a\nworker: b\nweb: c\n")
    assert found.processes == {"worker": "b", "web": "c"}
    assert found.warnings == ("Line 3: web is declared more than once; the last one counts.",)


@pytest.mark.parametrize("key", ["w", "a-b", "1", "a" * 63])
def test_keys_of_the_format_are_taken_as_they_are(key):
    assert parse(f"{key}: x").processes == {key: "x"}
    assert parse(f"{key}:x").warnings == ()


@pytest.mark.parametrize("key", ["-a", "a-", "", "a" * 64, "ä", "a b", "a.b", "../x"])
def test_other_keys_are_refused(key):
    with pytest.raises(BadLineError):
        parse(f"{key}: x")


def test_upper_case_and_underscore_are_changed_with_a_warning():
    found = parse("Celery_Beat: x")
    assert found.processes == {"celery-beat": "x"}
    assert found.warnings == ("Line 1: Celery_Beat is read as celery-beat.",)


@pytest.mark.parametrize("text", ["web:", "web:   ", "web"])
def test_a_process_without_a_command_is_refused(text):
    with pytest.raises(BadLineError):
        parse(text)
