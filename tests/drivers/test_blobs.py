"""Blobs on disk."""

from __future__ import annotations

import hashlib
import os

import pytest

from minato.drivers.blobs.files import FileBlobs
from minato.errors import PlatformError

ABSENT = "0" * 64


@pytest.fixture
def blobs(tmp_path) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs")


def kept(blobs, content=b"content") -> str:
    file = blobs.scratch()
    file.write_bytes(content)
    return blobs.put(file)


def test_a_blob_is_named_by_its_content_and_read_back(blobs):
    name = kept(blobs)
    assert name == hashlib.sha256(b"content").hexdigest()
    assert blobs.exists(name)
    assert blobs.size(name) == 7
    with blobs.open(name) as file:
        assert file.read() == b"content"


def test_putting_moves_the_file_and_equal_content_is_one_blob(blobs):
    assert kept(blobs) == kept(blobs)
    assert list((blobs.root / "scratch").iterdir()) == []


def test_a_blob_is_for_its_owner_alone(blobs):
    name = kept(blobs)
    assert (blobs.root / name[:2] / name).stat().st_mode & 0o777 == 0o400


def test_a_removed_blob_is_gone_and_may_be_removed_again(blobs):
    name = kept(blobs)
    blobs.remove(name)
    blobs.remove(name)
    assert not blobs.exists(name)


def test_a_blob_expires_by_when_it_was_last_put_not_by_when_it_was_written(blobs):
    file = blobs.scratch()
    file.write_bytes(b"content")
    os.utime(file, (0, 0))
    name = blobs.put(file)
    assert not blobs.expire(name, older_than=60)
    assert blobs.names() == [name]
    os.utime(blobs.root / name[:2] / name, (0, 0))
    kept(blobs)
    assert not blobs.expire(name, older_than=60)
    os.utime(blobs.root / name[:2] / name, (0, 0))
    assert blobs.expire(name, older_than=60) and blobs.expire(name, older_than=60)
    assert blobs.names() == [] and list((blobs.root / "scratch").iterdir()) == []


def test_a_blob_that_is_put_while_it_expires_is_kept_whole(blobs, monkeypatch):
    name = kept(blobs)
    os.utime(blobs.root / name[:2] / name, (0, 0))
    scratch = blobs.scratch

    def put_meanwhile():
        monkeypatch.setattr(blobs, "scratch", scratch)
        kept(blobs)
        return scratch()

    monkeypatch.setattr(blobs, "scratch", put_meanwhile)
    assert not blobs.expire(name, older_than=60)
    with blobs.open(name) as file:
        assert file.read() == b"content"


def test_a_blob_that_somebody_else_removes_meanwhile_does_not_come_back(blobs, monkeypatch):
    name = kept(blobs)
    os.utime(blobs.root / name[:2] / name, (0, 0))
    scratch = blobs.scratch
    monkeypatch.setattr(blobs, "scratch", lambda: blobs.remove(name) or scratch())
    assert blobs.expire(name, older_than=60)
    assert blobs.names() == []


def test_scratch_files_that_nobody_writes_to_any_more_go(blobs):
    old, young = blobs.scratch(), blobs.scratch()
    os.utime(old, (0, 0))
    assert blobs.clear_scratch(older_than=60) == 1
    assert young.exists() and not old.exists()


@pytest.mark.parametrize("name", [ABSENT, "../../etc/passwd", "", "A" * 64, ABSENT + "\n"])
def test_what_is_not_there_is_the_platforms_fault(blobs, name):
    for ask in (blobs.open, blobs.size):
        with pytest.raises(PlatformError) as caught:
            ask(name)
        assert caught.value.code == "blobs:platform:missing"


@pytest.mark.parametrize("name", ["../../etc/passwd", ABSENT + "\n", ""])
def test_a_name_is_never_a_path(blobs, name):
    with pytest.raises(PlatformError):
        blobs.remove(name)
