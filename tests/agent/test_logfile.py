"""A file that grows, is rotated, cut and removed under its reader."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from agent.logfile import LogFile


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "x-json.log"


def write(path: Path, *words: str) -> None:
    with path.open("a") as file:
        file.writelines(f"{word}\n" for word in words)


def rotate(path: Path) -> None:
    """As Docker does with max-file 3."""
    if path.with_name(f"{path.name}.1").exists():
        path.with_name(f"{path.name}.1").rename(path.with_name(f"{path.name}.2"))
    path.rename(path.with_name(f"{path.name}.1"))
    path.touch()


def rest(log: LogFile) -> list[str]:
    found: list[str] = []
    while chunk := log.read():
        found += chunk.data.decode().split()
    return found


def test_a_file_is_read_as_it_grows(path):
    log = LogFile(path)
    assert rest(log) == []
    write(path, "one", "two")
    assert rest(log) == ["one", "two"]
    write(path, "three")
    assert rest(log) == ["three"]
    assert rest(log) == []


def test_half_a_line_is_left(path):
    path.write_text("one\nha")
    log = LogFile(path)
    assert rest(log) == ["one"]
    write(path, "lf")
    assert rest(log) == ["half"]


def test_a_new_reader_goes_on_at_its_place(path):
    write(path, "one")
    log = LogFile(path)
    assert rest(log) == ["one"]
    write(path, "two")
    assert rest(LogFile(path, log.place)) == ["two"]


def test_rotation_loses_nothing(path):
    log = LogFile(path)
    write(path, "one")
    assert rest(log) == ["one"]
    write(path, "two")
    rotate(path)
    assert rest(log) == ["two"]
    assert rest(log) == []
    write(path, "three")
    rotate(path)
    write(path, "four")
    assert rest(log) == ["three", "four"]
    assert log.gaps == 0


def test_rotation_while_nobody_reads_loses_nothing(path):
    write(path, "one")
    log = LogFile(path)
    assert rest(log) == ["one"]
    log.close()
    write(path, "two")
    rotate(path)
    write(path, "three")
    rotate(path)
    write(path, "four")
    again = LogFile(path, log.place)
    assert rest(again) == ["two", "three", "four"]
    assert again.gaps == 0


def test_a_first_reader_begins_with_the_oldest(path):
    write(path, "one")
    rotate(path)
    write(path, "two")
    assert rest(LogFile(path)) == ["one", "two"]


def test_a_file_that_went_unread_is_counted(path):
    write(path, "one")
    log = LogFile(path)
    assert rest(log) == ["one"]
    log.close()
    for word in ("two", "three", "four"):
        rotate(path)
        write(path, word)
    again = LogFile(path, log.place)
    assert rest(again) == ["two", "three", "four"]
    assert again.gaps == 1


def test_a_cut_file_is_read_from_its_beginning(path):
    write(path, "one", "two")
    log = LogFile(path)
    assert rest(log) == ["one", "two"]
    path.write_text("")
    assert rest(log) == []
    write(path, "new")
    assert rest(log) == ["new"]


def test_a_removed_file_is_read_to_its_end(path):
    write(path, "one")
    log = LogFile(path)
    assert rest(log) == ["one"]
    write(path, "two")
    path.unlink()
    assert rest(log) == ["two"]
    assert rest(log) == []


def test_ids_do_not_depend_on_who_read_before(path):
    write(path, "one")
    first = LogFile(path).read()
    rotate(path)
    write(path, "two")
    assert LogFile(path).read() == first


def test_rotation_at_every_moment_loses_and_repeats_nothing(path):
    """A writer rotates every 50 lines as Docker does, at most six files ahead of a reader that often begins anew."""
    count, rotations, seen = 4000, 0, []

    def write_all() -> None:
        nonlocal rotations
        for start in range(0, count, 50):
            write(path, *map(str, range(start, start + 50)))
            while rotations - len(seen) // 50 > 6:
                time.sleep(0.001)
            for number in range(8, -1, -1):
                older = path.with_name(f"{path.name}.{number}") if number else path
                if older.exists():
                    older.rename(path.with_name(f"{path.name}.{number + 1}"))
            rotations += 1
            path.touch()

    writer = threading.Thread(target=write_all)
    writer.start()
    log, gaps, until = LogFile(path), 0, time.monotonic() + 30
    while len(seen) < count and time.monotonic() < until:
        seen += rest(log)
        gaps += log.gaps
        log.close()
        log = LogFile(path, log.place)
    writer.join()
    assert seen == [str(number) for number in range(count)]
    assert gaps == 0
