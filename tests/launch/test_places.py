"""The environment of the platform's processes, and the modes of its folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from launch.places import environment, folders, make_folders
from minato.values.config import Config, Times

OUTER = {
    "PATH": "/opt/go/bin:/usr/bin",
    "HOME": "/home/alice",
    "PIP_CERT": "/x.crt",
    "SECRET_OF_MINE": "s",
    "PYTHONPATH": "/evil",
}


@pytest.fixture
def here(config: Config, tmp_path: Path) -> Config:
    return replace(
        config,
        ns="ab",
        var=tmp_path / "var",
        engine_home=tmp_path / "ab" / "engine",
        times=Times(lease=3.0),
        fakes=frozenset(),
    )


def test_a_process_makes_the_same_config_again_from_its_environment(here: Config):
    database = f"sqlite:///{here.var}/data/minato.sqlite3"
    here = replace(here, database=database)
    assert Config.from_env(environment(here, OUTER)) == here


def test_nothing_of_the_caller_is_inherited_but_what_the_machine_decides(here: Config):
    given = environment(here, OUTER)
    assert "SECRET_OF_MINE" not in given
    assert "PYTHONPATH" not in given
    assert given["PIP_CERT"] == "/x.crt"
    assert given["HOME"] == "/home/alice"


def test_the_path_begins_with_the_virtual_environment_and_has_what_daemons_need(here: Config):
    path = environment(here, OUTER)["PATH"].split(":")
    assert path[0].endswith("/bin")
    assert path.index("/opt/go/bin") < path.index("/usr/sbin")
    assert len(path) == len(set(path))


def test_without_home_the_password_database_tells(here: Config):
    assert environment(here, {"PATH": ""})["HOME"].startswith("/")


def test_folders_are_private_but_for_those_that_containers_reach(here: Config):
    make_folders(here)
    modes = {path: path.stat().st_mode & 0o777 for path in folders(here)}
    assert modes[here.var] == 0o711
    assert modes[here.keys] == modes[here.blobs] == modes[here.redis_socket.parent] == 0o700
    assert modes[here.registry_socket.parent] == 0o755
    assert modes[here.engine_home.parent] == 0o711


def test_wrong_modes_are_put_right(here: Config):
    make_folders(here)
    here.keys.chmod(0o777)
    make_folders(here)
    assert here.keys.stat().st_mode & 0o777 == 0o700
