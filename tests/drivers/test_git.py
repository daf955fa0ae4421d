"""The git driver on real repositories."""

from __future__ import annotations

import os
import subprocess
import tarfile
import threading

import pytest

from minato.drivers.git import commands
from minato.drivers.git.cli import GitCli, sweep
from minato.drivers.git.commands import ZERO
from minato.errors import PlatformError
from minato.values.source import RefChange

MAIN = "refs/heads/main"


@pytest.fixture
def git() -> GitCli:
    return GitCli()


@pytest.fixture
def repository(git, tmp_path):
    path = tmp_path / "repos" / "a_shop.git"
    git.create(path)
    return path


def run(repository, *words: str, stdin: bytes = b"") -> str:
    env = {
        **commands.environment(),
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    argv = ["git", "--git-dir", str(repository), *words]
    return subprocess.run(argv, input=stdin, env=env, capture_output=True, check=True).stdout.decode().strip()


@pytest.fixture
def commit(repository) -> str:
    blob = run(repository, "hash-object", "-w", "--stdin", stdin=b"hello\n")
    tree = run(repository, "mktree", stdin=f"100644 blob {blob}\tapp.py\n100755 blob {blob}\trun\n".encode())
    return run(repository, "commit-tree", tree, "-m", "first")


def test_creating_twice_and_at_once_makes_one_repository(git, tmp_path):
    path = tmp_path / "a_x.git"
    threads = [threading.Thread(target=git.create, args=(path,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (path / "HEAD").read_text() == "ref: refs/heads/main\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a_x.git"]
    assert not (path / "hooks").exists()


def test_a_ref_that_is_not_there_is_zeros(git, repository):
    assert git.ref(repository, MAIN) == ZERO


def test_moving_a_ref_compares_and_swaps(git, repository, commit):
    assert git.update_ref(repository, RefChange(old=ZERO, new=commit, ref=MAIN))
    assert git.ref(repository, MAIN) == commit
    assert not git.update_ref(repository, RefChange(old=ZERO, new=commit, ref=MAIN))
    assert git.update_ref(repository, RefChange(old=commit, new=ZERO, ref=MAIN))
    assert git.ref(repository, MAIN) == ZERO


def test_moving_a_ref_to_nothing_known_is_our_fault(git, repository):
    with pytest.raises(PlatformError) as error:
        git.update_ref(repository, RefChange(old=ZERO, new="1" * 40, ref=MAIN))
    assert error.value.code == "git:platform:failed"


def test_a_tag_is_no_commit(git, repository, commit):
    run(repository, "tag", "-a", "v1", "-m", "v1", commit)
    assert git.is_commit(repository, commit)
    assert not git.is_commit(repository, run(repository, "rev-parse", "v1"))
    assert not git.is_commit(repository, "2" * 40)


def test_entries_and_archive_stream(git, repository, commit):
    with git.entries(repository, commit) as tree:
        assert [row.partition(b"\t")[2] for row in tree.read().split(b"\0")] == [b"app.py", b"run", b""]
    with git.archive(repository, commit) as archive, tarfile.open(fileobj=archive, mode="r|") as tar:
        assert {member.name: member.mode & 0o100 for member in tar} == {"app.py": 0, "run": 0o100}


@pytest.mark.parametrize("read", ["entries", "archive"])
def test_a_failure_is_told_at_the_end_of_the_file(git, repository, read):
    stream = getattr(git, read)(repository, "3" * 40)
    with pytest.raises(PlatformError) as error:
        stream.read()
    stream.close()
    assert error.value.code == "git:platform:failed"


def test_closing_early_ends_the_process(git, repository, commit):
    stream = git.archive(repository, commit)
    pid = stream.raw._process.pid
    stream.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("name", ["--output=/tmp/x", "HEAD", "main", "", "abc"])
def test_only_a_full_object_name_becomes_an_argument(git, repository, name):
    for call in (git.entries, git.archive, git.is_commit):
        with pytest.raises(PlatformError):
            call(repository, name)


def test_removing_leaves_nothing_and_may_be_repeated(git, repository):
    git.remove(repository)
    git.remove(repository)
    assert list(repository.parent.iterdir()) == []


def test_only_an_old_quarantine_is_swept_away(repository):
    old, new = repository / "objects" / "tmp_objdir-incoming-a", repository / "objects" / "tmp_objdir-incoming-b"
    for path in (old, new):
        path.mkdir()
    os.utime(old, (0, 0))
    assert sweep(repository.parent) == 1
    assert (old.exists(), new.exists()) == (False, True)


def test_nothing_of_our_environment_or_files_reaches_git(monkeypatch):
    monkeypatch.setenv("GIT_SSH_COMMAND", "evil")
    environment = commands.environment({"MINATO_PUSH": "x"})
    assert "GIT_SSH_COMMAND" not in environment
    assert environment["GIT_CONFIG_GLOBAL"] == "/dev/null"
    assert environment["GIT_CONFIG_NOSYSTEM"] == "1"


def test_the_server_side_of_a_push_is_spelled_in_full(tmp_path):
    argv = commands.service("receive-pack", tmp_path / "a.git", tmp_path / "hooks", advertise=False)
    assert argv[0] == "git"
    assert argv[-3:] == ["receive-pack", "--stateless-rpc", str(tmp_path / "a.git")]
    for setting in (
        "receive.procReceiveRefs=refs",
        "receive.fsckObjects=true",
        "receive.unpackLimit=1",
        "receive.keepAlive=5",
        "core.bigFileThreshold=16m",
        "transfer.hideRefs=refs/minato",
        "receive.autogc=false",
        "receive.shallowUpdate=true",
        "receive.advertisePushOptions=true",
        f"core.hooksPath={tmp_path / 'hooks'}",
    ):
        assert setting in argv
    assert "receive.fsck.zeroPaddedDate=warn" in argv


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        ("version=2", True),
        ("version=2:agent=x", True),
        ("", False),
        ("version=2;id", False),
        ("version=2\n", False),
        ("a=" + "b" * 200, False),
    ],
)
def test_only_a_safe_protocol_header_is_passed_on(header, kept):
    assert bool(commands.protocol(header)) is kept
