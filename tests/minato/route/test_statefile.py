"""The file from which a router starts alone."""

from __future__ import annotations

import json

import pytest

from minato.route import statefile
from minato.route.plan import Server
from minato.route.statefile import Kept
from tests.fixtures.harbour_front import slot, state

KEPT = Kept(
    state=state(7, 1, slot(1, 20001, check_path="/up"), closed={"b.apps.localhost": "H14"}),
    servers={1: (Server(name="web.1.aaaaaaaaaaaa", address="10.200.0.2"),)},
)


def test_what_is_kept_is_read_back(tmp_path):
    statefile.write(tmp_path / "router" / "state.json", KEPT)
    assert statefile.read(tmp_path / "router" / "state.json") == KEPT


def test_no_file_is_an_empty_router(tmp_path):
    assert statefile.read(tmp_path / "state.json") == Kept()


def test_only_its_owner_reads_it(tmp_path):
    statefile.write(tmp_path / "state.json", KEPT)
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600


def test_a_half_written_file_never_takes_the_place_of_the_old_one(tmp_path):
    file = tmp_path / "state.json"
    statefile.write(file, KEPT)
    (tmp_path / "state.new").write_text('{"state"')
    assert statefile.read(file) == KEPT
    statefile.write(file, Kept())
    assert statefile.read(file) == Kept()


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", json.dumps({"state": {"generation": 1}, "servers": {}})])
def test_a_strange_file_is_refused(tmp_path, text):
    (tmp_path / "state.json").write_text(text)
    with pytest.raises((ValueError, KeyError, TypeError)):
        statefile.read(tmp_path / "state.json")
