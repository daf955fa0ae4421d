"""Set-up: what is missing, what is skipped, and what it says where it cannot."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from launch import bootstrap
from launch.__main__ import require_root
from launch.bootstrap import SetUpError
from minato.errors import UserError


@pytest.fixture
def policy(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(bootstrap, "POLICY", tmp_path / "policy-rc.d")
    monkeypatch.setattr(bootstrap, "SAVED", tmp_path / "policy-rc.d.minato-saved")
    return tmp_path / "policy-rc.d"


def test_services_stay_off_and_the_machines_own_policy_returns(policy: Path):
    policy.write_text("#!/bin/sh\nexit 0\n")
    with bootstrap.services_stay_off():
        assert "exit 101" in policy.read_text()
    assert policy.read_text() == "#!/bin/sh\nexit 0\n"


def test_without_a_policy_none_is_left(policy: Path):
    with bootstrap.services_stay_off():
        assert policy.exists()
    assert not policy.exists()


def test_a_killed_set_up_is_mended_by_the_next(policy: Path):
    bootstrap.SAVED.write_text("the machine's own")
    policy.write_text(bootstrap.POLICY_TEXT)
    bootstrap.mend_policy()
    assert policy.read_text() == "the machine's own"
    assert not bootstrap.SAVED.exists()


def test_somebody_who_is_not_root_is_told_what_to_type(monkeypatch):
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000)
    with pytest.raises(SetUpError, match="apt-get install haproxy git"):
        bootstrap.install_packages(["haproxy", "git"])


def test_somebody_elses_checkout_is_left_alone(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "no-stamp")
    monkeypatch.setattr(bootstrap.os, "access", lambda path, mode: False)
    with pytest.raises(SetUpError, match="belongs to somebody else"):
        bootstrap.set_up_python("run", [])


CALLERS = [("run", 1000, True), ("run", 0, False), ("status", 1000, False)]


@pytest.mark.parametrize(("command", "user", "refused"), CALLERS)
def test_what_runs_an_engine_needs_root_and_says_so(command, user, refused):
    expected = pytest.raises(UserError, match="needs root") if refused else contextlib.nullcontext()
    with expected:
        require_root(command, user)


def test_another_system_is_told_which_programs_are_missing(monkeypatch):
    monkeypatch.setattr(bootstrap.shutil, "which", lambda _: None)
    with pytest.raises(SetUpError, match="these programs are missing: haproxy, dockerd"):
        bootstrap.install_packages(["haproxy", "docker.io"])


def test_what_tests_need_includes_what_a_platform_needs(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "stamp")
    monkeypatch.setattr(bootstrap, "PYTHON", Path(sys.executable))
    (tmp_path / "stamp").write_text(json.dumps({"kind": "test", "inputs": bootstrap.inputs()}))
    assert bootstrap.stamp_fits("run")
    assert bootstrap.stamp_fits("test")
    (tmp_path / "stamp").write_text(json.dumps({"kind": "run", "inputs": bootstrap.inputs()}))
    assert not bootstrap.stamp_fits("test")
    (tmp_path / "stamp").write_text(json.dumps({"kind": "run", "inputs": "older"}))
    assert not bootstrap.stamp_fits("run")


def test_help_lists_every_target_of_the_makefile():
    done = subprocess.run(["make", "help"], cwd=bootstrap.ROOT, capture_output=True, text=True, check=True)
    listed = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("make ")}
    assert {"run", "stop", "clean", "doctor", "login", "test", "lint", "test-shell", "bench", "help"} <= listed
