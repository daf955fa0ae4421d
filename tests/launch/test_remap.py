"""The engine's user and its ranges of ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from launch.remap import ensure_ranges


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "dockremap:100000:65536\n"),
        ("alice:100000:65536", "alice:100000:65536\ndockremap:165536:65536\n"),
        ("dockremap:300000:65536\n", "dockremap:300000:65536\n"),
    ],
)
def test_a_user_without_ranges_gets_free_ones(tmp_path: Path, before: str, after: str):
    file = tmp_path / "subuid"
    file.write_text(before)
    ensure_ranges([file], exists=lambda user: True)
    assert file.read_text() == after


def test_without_the_user_the_engine_makes_both(tmp_path: Path):
    ensure_ranges([tmp_path / "subuid"], exists=lambda user: False)
    assert not (tmp_path / "subuid").exists()
