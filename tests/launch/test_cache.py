"""What is built once is whole or absent."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from launch import mounts
from launch.cache import kept, key_of


def test_it_is_made_once(tmp_path):
    made = []

    def make(folder):
        made.append(folder.name)
        (folder / "file").write_text("whole")

    first = kept(tmp_path / "cache", "thing", "k1", make)
    assert kept(tmp_path / "cache", "thing", "k1", make) == first
    assert (first / "file").read_text() == "whole"
    assert len(made) == 1


def test_another_key_is_another_thing(tmp_path):
    assert kept(tmp_path, "thing", "k1", lambda folder: None) != kept(tmp_path, "thing", "k2", lambda folder: None)


def test_a_failed_make_leaves_nothing_and_is_tried_again(tmp_path):
    def broken(folder):
        (folder / "half").write_text("")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        kept(tmp_path, "thing", "k1", broken)
    assert [path.name for path in tmp_path.iterdir()] == ["thing.lock"]
    assert kept(tmp_path, "thing", "k1", lambda folder: None).is_dir()


def test_two_at_once_make_it_once(tmp_path):
    made = []

    def make(folder):
        made.append(1)
        time.sleep(0.2)

    both = [threading.Thread(target=kept, args=(tmp_path, "thing", "k1", make)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert made == [1]


KILLED = """
import sys, time
from pathlib import Path
from launch import mounts
from launch.cache import kept
def make(folder):
    (folder / "half").write_text("half")
    (folder / "mounted").mkdir()
    mounts.tmpfs(folder / "mounted")
    print("ready", flush=True)
    time.sleep(60)
kept(Path(sys.argv[1]), "thing", "k1", make)
"""


def test_what_a_kill_left_is_unmounted_removed_and_never_taken_for_whole(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert mounts.below(tmp_path, mounts.MOUNTINFO.read_text()) != []
    whole = kept(tmp_path, "thing", "k1", lambda folder: (folder / "whole").write_text("whole"))
    assert [path.name for path in whole.iterdir()] == ["whole"]
    assert mounts.below(tmp_path, mounts.MOUNTINFO.read_text()) == []
    assert list(tmp_path.glob("*.part")) == []


def test_a_key_follows_content_names_and_modes(tmp_path):
    folder = tmp_path / "tree"
    folder.mkdir()
    seen = {key_of([folder]), key_of([folder, b"x"])}
    (folder / "a").write_text("1")
    seen.add(key_of([folder]))
    (folder / "a").write_text("2")
    seen.add(key_of([folder]))
    (folder / "a").chmod(0o755)
    seen.add(key_of([folder]))
    (folder / "a").rename(folder / "b")
    seen.add(key_of([folder]))
    assert len(seen) == 6
    assert key_of([folder]) == key_of([folder])


def test_mounts_below_a_folder_come_deepest_first():
    line = "36 35 98:0 / {} rw - ext4 /dev/x rw"
    text = "\n".join(line.format(point) for point in ("/a", "/a/b", "/a/b/c", "/ab", "/a/x\\040y"))
    assert mounts.below(mounts.Path("/a"), text) == ["/a/b/c", "/a/x y", "/a/b", "/a"]
