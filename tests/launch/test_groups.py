"""Which group lives, which is stale, and what a killed one leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from launch import group, processes, ready, runjson, stores, supervise
from launch.foreground import changes
from launch.group import Group
from launch.places import make_folders
from launch.programs import NODE
from minato.errors import PlatformError
from minato.values.config import Config


@pytest.fixture
def here(config: Config, tmp_path: Path) -> Config:
    made = replace(config, ns="tg", var=tmp_path, engine_home=tmp_path / "tg" / "engine", fakes=frozenset())
    make_folders(made)
    stores.write_configs(made)
    return made


@pytest.fixture
def sleeper():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield child
    child.kill()
    child.wait()


def test_a_process_id_of_somebody_else_is_no_group(here: Config, sleeper):
    group.write(here, NODE, Group(sleeper.pid, processes.start_time(sleeper.pid) + 1, "abc"))
    assert group.read(here, NODE) is None


def test_a_live_supervisor_is_found(here: Config, sleeper):
    group.write(here, NODE, Group(sleeper.pid, processes.start_time(sleeper.pid), "abc"))
    assert group.read(here, NODE) == Group(sleeper.pid, processes.start_time(sleeper.pid), "abc")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_half_a_record_is_no_group(here: Config, text: str):
    group.file_of(here, NODE).write_text(text)
    assert group.read(here, NODE) is None


def test_a_dead_process_has_no_start_time():
    child = subprocess.Popen([sys.executable, "-c", ""])
    time.sleep(0.2)
    assert processes.start_time(child.pid) == 0, "a zombie is dead"
    child.wait()
    assert processes.start_time(child.pid) == 0
    assert not processes.alive(child.pid, 0)


def test_an_own_start_time_is_known():
    assert processes.alive(os.getpid(), processes.start_time(os.getpid()))


def test_a_stubborn_process_is_killed_in_the_end():
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    child.stdout.readline()
    assert processes.end(child.pid, seconds=0.2) is False
    assert child.wait() == -9


def test_the_code_version_changes_with_the_code(here: Config, tmp_path: Path):
    root = tmp_path / "checkout"
    (root / "platform").mkdir(parents=True)
    (root / "platform" / "a.py").write_text("a = 1\n")
    before = group.code_version(replace(here, root=root))
    (root / "platform" / "a.py").write_text("a = 2\n")
    assert group.code_version(replace(here, root=root)) != before


def test_watching_tells_of_deaths_and_returns_alone():
    before = {"web": ("RUNNING", 1), "beat": ("RUNNING", 2), "worker": ("STARTING", 3)}
    now = {"web": ("RUNNING", 9), "beat": ("BACKOFF", 0), "worker": ("RUNNING", 3)}
    assert changes(before, now) == ["web ended and was started again (pid 9)", "beat ended (backoff)"]
    assert changes(now, now) == []


def test_run_json_is_ours_alone_and_whole(here: Config):
    runjson.write(here)
    assert runjson.file_of(here).stat().st_mode & 0o777 == 0o600
    told = runjson.read(here)
    assert told["app_url"].replace("{app}", "shop") == here.app_url("shop")
    assert told["git_url"].replace("{app}", "shop") == here.git_url("shop")
    runjson.remove(here)
    assert runjson.read(here) == {}


def test_a_failed_start_shows_what_the_program_said_last(here: Config):
    (here.logs / "web.log").write_text("first\n" * 50 + "Address already in use\n")
    error = ready.not_ready(here, "web", "FATAL")
    assert isinstance(error, PlatformError)
    assert error.lines()[15] == "Address already in use"


class TestRedisUnderARealSupervisor:
    """The smallest real group: started, adopted, killed, found again."""

    @pytest.fixture
    def started(self, here: Config):
        found = group.begin(here, NODE)
        supervise.start(here, NODE, "redis")
        ready.wait(here, NODE, "redis")
        yield found
        group.end(here, NODE)

    def test_it_is_found_by_its_record_and_ends_with_its_children(self, here: Config, started: Group):
        redis = supervise.states(here, NODE)["redis"]["pid"]
        assert group.read(here, NODE) == started
        group.end(here, NODE)
        assert processes.start_time(redis) == 0
        assert not group.file_of(here, NODE).exists()

    def test_what_dies_is_started_again(self, here: Config, started: Group):
        redis = supervise.states(here, NODE)["redis"]["pid"]
        os.kill(redis, 9)
        until = time.monotonic() + 10
        while supervise.states(here, NODE)["redis"]["pid"] in (0, redis):
            assert time.monotonic() < until
            time.sleep(0.05)
        ready.wait(here, NODE, "redis")

    def test_children_of_a_killed_supervisor_do_not_hinder_the_next(self, here: Config, started: Group):
        redis = supervise.states(here, NODE)["redis"]["pid"]
        os.kill(started.pid, 9)
        assert processes.gone(started.pid, started.started, 5)
        assert group.read(here, NODE) is None
        assert processes.start_time(redis) != 0
        group.begin(here, NODE)
        assert processes.start_time(redis) == 0
        supervise.start(here, NODE, "redis")
        ready.wait(here, NODE, "redis")
