"""What the benchmark makes of what it has measured; its measuring is watched by running it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from bench import page
from bench.figures import Figures, Row, table
from bench.place import Place
from bench.push_to_live import ROWS, removed
from bench.pushes import MARKS, Pushed, files
from launch.__main__ import parser, passed_on
from minato.errors import PlatformError

ROOT = Path(__file__).resolve().parents[2]


def test_a_row_shows_median_range_floor_and_ratio():
    figures = Figures()
    for seconds in (2.0, 4.0, 3.0):
        figures.add({"build": seconds, "floor": 1.5, "pull": 0.5})
    lines = table(figures, [Row("build", "build", "by hand", ("floor", "pull")), Row("never", "never measured")])
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == [
        "build",
        "3.000 (2.000–4.000)",
        "by hand",
        "2.000",
        "1.50",
    ]
    assert len(lines) == 3 and len({len(line) for line in lines}) == 1


def test_every_stage_of_a_push_lies_between_two_of_its_marks():
    at = {name: 10.0 + n for n, name in enumerate(("began", *MARKS, "served", "ended"))}
    times = {
        "created": "1970-01-01T00:00:10.5Z",
        "started": "1970-01-01T00:00:10.75Z",
        "finished": "1970-01-01T00:00:12Z",
    }
    build = {**times, "phases": [{"name": "detect", "seconds": 0.25, "exit_code": 0}]}
    stages = Pushed(at, 5, 0, build, {}).stages()
    assert stages["receive: git, source, row"] == 0.5 and stages["receive: row to builder"] == 0.25
    assert stages["build: detect"] == 0.25
    parts = ("receive", "build", "release+schedule", "switch", "last word")
    assert sum(stages[name] for name in parts) == stages["whole push"] == 7.0


def test_one_line_of_the_app_depends_on_the_word():
    one, two = files("one"), files("two")
    assert one.keys() == two.keys() and one["requirements.txt"] == two["requirements.txt"]
    pairs = zip(one["app.py"].splitlines(), two["app.py"].splitlines(), strict=True)
    assert sum(left != right for left, right in pairs) == 1


def test_a_section_of_a_page_is_replaced_and_the_rest_stays(tmp_path: Path):
    file = tmp_path / "performance.md"
    file.write_text("before\n<!-- bench:x -->\nold\n<!-- end of bench:x -->\nafter\n")
    page.write(file, "x", ["new"])
    page.write(file, "x", ["newer"])
    assert file.read_text() == "before\n<!-- bench:x -->\n\nnewer\n\n<!-- end of bench:x -->\nafter\n"


def test_a_page_without_the_markers_is_left_as_it_is(tmp_path: Path):
    file = tmp_path / "performance.md"
    file.write_text("no markers")
    with pytest.raises(PlatformError):
        page.write(file, "x", ["new"])
    assert file.read_text() == "no markers"


def test_docs_performance_has_the_section_that_the_benchmark_writes():
    text = (ROOT / "docs" / "performance.md").read_text()
    assert text.index("<!-- bench:push_to_live -->") < text.index("<!-- end of bench:push_to_live -->")


def test_without_a_running_platform_it_says_so(tmp_path: Path):
    with pytest.raises(PlatformError) as error:
        _ = Place(tmp_path / "run.json").run
    assert "running platform" in error.value.message


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_made_is_removed_after_a_signal_and_a_second_one_waits(number: signal.Signals):
    gone: list[str] = []

    def slow() -> None:
        os.kill(os.getpid(), number)
        gone.append("first")

    with pytest.raises(SystemExit), removed() as stack:
        stack.callback(gone.append, "last")
        stack.callback(slow)
        os.kill(os.getpid(), number)
    assert gone == ["first", "last"]


def test_every_floor_of_the_table_is_measured_by_a_name_of_its_own():
    floors = {name for row in ROWS for name in row.floor}
    assert all(name.startswith("floor ") for name in floors)


@pytest.mark.parametrize("words", [["--rounds", "2"], ["push_to_live", "--write"], ["--", "--rounds", "2"], []])
def test_make_bench_passes_every_option_on(words: list[str]):
    wish = parser().parse_args(passed_on(["bench", *words]))
    assert [word for word in wish.argv if word != "--"] == [word for word in words if word != "--"]
