"""A plain git client pushes to the doors: what it sees, what moves, what is refused."""

from __future__ import annotations

import re
import time

import pytest

from minato.receive.transcript import Outcome
from tests.doors.conftest import said

FAILED = Outcome(
    state="failed",
    number=7,
    code="build:user:no-buildpack",
    message="None of 3 buildpacks recognised this source.",
    hint="Add a Procfile, or name a buildpack in project.toml.",
    evidence="minato/python: no requirements.txt",
    build=46,
)


def lines(done) -> list[str]:
    return [line.rstrip() for line in done.stderr.splitlines()]


def test_a_push_shows_the_story_and_moves_the_ref(served, work, platform):
    platform.script = [
        said("head", "Building with builder minato/trixie"),
        ("1-2", {"k": "phase", "t": '{"name": "detect"}'}),
        said("body", "Collecting flask"),
        said("warn", "No Procfile"),
        said("end", "live"),
    ]
    commit = work.commit({"app.py": "print('hello')"})
    done = work.push(served.url())
    assert done.returncode == 0, done.stderr
    assert lines(done)[:5] == [
        f"remote: -----> Receiving shop @ {commit[:7]} (main) from alice",
        f"remote:        Ctrl-C stops watching, not deploying. To cancel: {served.config.url}/apps/shop/deploys/7",
        "remote: -----> Building with builder minato/trixie",
        "remote:        Collecting flask",
        "remote:  !     No Procfile",
    ]
    assert served.ref() == commit
    name, source, change, who = platform.pushed[0]
    assert (name, change.ref, change.new, who) == ("shop", "refs/heads/main", commit, "alice")
    assert (served.config.blobs / "sha256").exists() or list(served.config.blobs.rglob(source.sha256))


def test_lines_appear_as_they_happen(served, work, platform):
    platform.script = [said("body", "one"), 0.6, said("body", "two"), 0.6, said("end", "live")]
    work.commit({"app.py": "x"})
    process = work.popen("push", served.url(), "main")
    seen = {}
    for raw in process.stderr:
        word = raw.decode().removeprefix("remote:").strip()
        seen[word] = time.monotonic()
    assert process.wait() == 0
    assert 0.4 < seen["two"] - seen["one"] < 0.9


def test_the_same_commit_again_is_up_to_date_and_deploys_nothing(served, work, platform):
    work.commit({"app.py": "x"})
    work.push(served.url())
    again = work.push(served.url())
    assert (again.returncode, again.stderr.strip()) == (0, "Everything up-to-date")
    assert len(platform.pushed) == 1


def test_a_failed_build_refuses_the_ref_and_the_next_push_works(served, work, platform):
    platform.script, platform.outcome = [said("end", "failed")], FAILED
    commit = work.commit({"app.py": "x"})
    done = work.push(served.url())
    assert done.returncode == 1
    assert "! [remote rejected] main -> main (build #46 failed)" in done.stderr
    assert lines(done)[2:5] == [
        "remote:  !     Push rejected, none of 3 buildpacks recognised this source.",
        "remote:  !     minato/python: no requirements.txt",
        "remote:  !     Add a Procfile, or name a buildpack in project.toml.",
    ]
    assert served.ref() == ""
    platform.outcome = Outcome(state="live", number=8)
    assert work.push(served.url()).returncode == 0
    assert served.ref() == commit


def test_a_reason_that_the_story_told_is_not_told_twice(served, work, platform):
    platform.script = [said("warn", "Push rejected, nothing fits."), said("end", "failed")]
    platform.outcome = FAILED
    work.commit({"app.py": "x"})
    assert work.push(served.url()).stderr.count("Push rejected") == 1


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome(state="failed", number=7, code="release:user:phase", message="It exited 1."), "release phase failed"),
        (Outcome(state="cancelled", number=7, code="deploy:user:cancelled", message="Cancelled."), "cancelled"),
        (Outcome(state="failed", number=7, code="start:user:no-answer", message="No answer."), "deploy d7 failed"),
    ],
)
def test_each_bad_end_has_its_reason(served, work, platform, outcome, reason):
    platform.script, platform.outcome = [said("end", outcome.state)], outcome
    work.commit({"app.py": "x"})
    done = work.push(served.url())
    assert done.returncode == 1
    assert f"! [remote rejected] main -> main ({reason})" in done.stderr


def test_a_stale_push_names_where_the_branch_is(served, work, platform):
    first = work.commit({"app.py": "x"})
    work.push(served.url())
    platform.outcome = Outcome(state="failed", number=8, code="deploy:user:stale", message="The branch moved.")
    platform.script = [said("end", "failed")]
    work.commit({"app.py": "y"})
    assert f"(stale: main moved to {first[:7]}, fetch first)" in work.push(served.url()).stderr


def test_a_push_that_was_overtaken_while_it_came_is_stale_and_starts_nothing(served, work, platform):
    first = work.commit({"app.py": "1"})
    work.push(served.url())
    second = work.commit({"app.py": "2"})
    third = work.commit({"app.py": "3"})
    work.push(served.url(), f"{second}:refs/heads/main")
    done = work.push_as_seen(served.url(), old=first, new=third)
    assert f"stale: main moved to {second[:7]}, fetch first" in done
    assert [change.new for _, _, change, _ in platform.pushed] == [first, second]
    assert served.ref() == second


def test_another_branch_and_a_tag_are_stored_not_deployed(served, work, platform):
    commit = work.commit({"app.py": "x"})
    work.git("tag", "v1")
    done = work.push(served.url(), "main:feature", "v1")
    assert done.returncode == 0
    assert "remote:        feature is stored, not deployed" in lines(done)
    assert "remote:        v1 is stored, not deployed" in lines(done)
    assert served.ref("refs/heads/feature") == served.ref("refs/tags/v1") == commit
    assert platform.pushed == []


def test_the_deploy_branch_cannot_be_deleted_others_can(served, work):
    work.commit({"app.py": "x"})
    work.push(served.url(), "main", "main:feature")
    done = work.push(served.url(), ":main", ":feature")
    assert "! [remote rejected] main (the deploy branch cannot be deleted)" in done.stderr
    assert served.ref() != ""
    assert served.ref("refs/heads/feature") == ""


@pytest.mark.parametrize("name", ["a$(id)b", "a`id`", "main;id", "<script>", "a'b", 'a"b', "a|b", "a&b", "-x"])
def test_hostile_ref_names_are_refused_in_one_line(served, work, name):
    work.commit({"app.py": "x"})
    done = work.push(served.url(), f"main:refs/heads/{name}")
    assert done.returncode == 1
    assert "this name is not allowed" in done.stderr
    assert served.ref(f"refs/heads/{name}") == ""


def test_a_name_in_another_script_is_fine(served, work):
    commit = work.commit({"app.py": "x"})
    assert work.push(served.url(), "main:refs/heads/港/機能").returncode == 0
    assert served.ref("refs/heads/港/機能") == commit


def test_our_own_refs_are_hidden_and_odd_ones_refused(served, work):
    work.commit({"app.py": "x"})
    assert "deny updating a hidden ref" in work.push(served.url(), "main:refs/minato/x").stderr
    assert "only branches and tags are kept" in work.push(served.url(), "main:refs/notes/x").stderr


def test_atomic_is_all_or_nothing_and_decided_before_anything_starts(served, work, platform):
    work.commit({"app.py": "x"})
    done = work.push(served.url(), "--atomic", "main", "main:refs/heads/a$b")
    assert done.returncode == 1
    assert platform.pushed == []
    assert served.ref() == ""


def test_atomic_with_a_failed_deploy_stores_nothing(served, work, platform):
    platform.outcome, platform.script = FAILED, [said("end", "failed")]
    work.commit({"app.py": "x"})
    work.push(served.url(), "--atomic", "main", "main:feature")
    assert (served.ref(), served.ref("refs/heads/feature")) == ("", "")


def test_without_atomic_the_other_branch_is_stored_though_the_deploy_failed(served, work, platform):
    platform.outcome, platform.script = FAILED, [said("end", "failed")]
    commit = work.commit({"app.py": "x"})
    work.push(served.url(), "main", "main:feature")
    assert (served.ref(), served.ref("refs/heads/feature")) == ("", commit)


def test_main_and_master_cannot_both_be_what_runs(served, work, platform):
    work.commit({"app.py": "x"})
    done = work.push(served.url(), "main", "main:master")
    assert len(platform.pushed) == 1
    assert "one deploy at a time" in done.stderr


def test_a_submodule_is_refused_by_its_path_before_any_archive(served, work, platform):
    work.commit({"app.py": "x"})
    work.git("update-index", "--add", "--cacheinfo", "160000,1234567890123456789012345678901234567890,vendor/lib")
    work.git("commit", "-qm", "submodule")
    done = work.push(served.url())
    assert done.returncode == 1
    assert "remote:  !     vendor/lib" in lines(done)
    assert "Push rejected, submodules are not fetched" in done.stderr
    assert (platform.pushed, list(served.config.blobs.rglob("*.tar"))) == ([], [])


def test_a_symlink_that_leaves_the_source_is_refused(served, work):
    work.commit({"app.py": "x"})
    (work.path / "passwd").symlink_to("/etc/passwd")
    work.commit({})
    assert "symbolic link leads outside" in work.push(served.url()).stderr


def test_a_git_bomb_is_refused_at_once(served, work, platform):
    blob = work.git("hash-object", "-w", "--stdin", stdin="x").stdout.strip()
    kind = f"100644 blob {blob}"
    for _ in range(10):
        rows = "".join(f"{kind}\tf{n}\n" for n in range(10))
        kind = "040000 tree " + work.git("mktree", stdin=rows).stdout.strip()
    tree = kind.split()[-1]
    commit = work.git("commit-tree", tree, "-m", "bomb").stdout.strip()
    begun = time.monotonic()
    done = work.push(served.url(), f"{commit}:refs/heads/main")
    assert "Push rejected, this commit has more than 100,000 files and folders." in done.stderr
    assert time.monotonic() - begun < 10
    assert platform.pushed == []


def test_a_deploy_branch_must_point_to_a_commit(served, work, platform):
    work.commit({"app.py": "x"})
    work.git("tag", "-a", "v1", "-m", "v1")
    tag = work.git("rev-parse", "v1").stdout.strip()
    work.git("update-ref", "refs/odd/x", tag)
    done = work.push(served.url(), f"{tag}:refs/heads/main")
    assert done.returncode == 1
    assert platform.pushed == []


def test_export_ignore_does_not_lose_files(served, work, platform):
    work.commit(
        {".gitattributes": "tests export-ignore\napp.py export-subst\n", "tests/t.py": "1", "app.py": "$Format:%H$"}
    )
    work.push(served.url())
    _, source, _, _ = platform.pushed[0]
    assert source.entries == 4


def test_an_old_repository_with_honest_faults_is_accepted(served, work):
    tree = work.git("write-tree").stdout.strip()
    words = f"tree {tree}\nauthor A <a@b> 0000000001 +051800\ncommitter A <a@b> 0000000001 +051800\n\nold\n"
    old = work.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=words).stdout.strip()
    assert work.push(served.url(), f"{old}:refs/heads/old").returncode == 0


def test_a_dot_git_folder_in_a_tree_is_refused(served, work):
    blob = work.git("hash-object", "-w", "--stdin", stdin="x").stdout.strip()
    tree = work.git("mktree", stdin=f"100644 blob {blob}\t.git\n").stdout.strip()
    commit = work.git("commit-tree", tree, "-m", "evil").stdout.strip()
    done = work.push(served.url(), f"{commit}:refs/heads/feature")
    assert done.returncode == 1
    assert "hasDotgit" in done.stderr


def test_a_platform_fault_has_an_incident_number_and_refuses_the_ref(served, work, platform, caplog):
    def broken(*_):
        raise RuntimeError("database is away")

    object.__setattr__(served.door._desk, "push", broken)
    work.commit({"app.py": "x"})
    done = work.push(served.url())
    assert re.search(r"\(platform error, incident [0-9a-f]{8}\)", done.stderr)
    assert "database is away" not in done.stderr
    assert served.ref() == ""


def test_the_story_may_break_off_and_the_row_still_decides(served, work, platform):
    async def broken(uid):
        yield said("head", "Building")
        raise RuntimeError("gone")

    object.__setattr__(served.door._desk, "follow", broken)
    commit = work.commit({"app.py": "x"})
    assert work.push(served.url()).returncode == 0
    assert served.ref() == commit


def test_terminal_codes_of_a_build_do_not_reach_the_terminal(served, work, platform):
    platform.script = [said("body", "\x1b]0;owned\x07\x1b[31mred\x1b[0m\x1b[2J"), said("end", "live")]
    work.commit({"app.py": "x"})
    done = work.push(served.url())
    assert "remote:        red" in lines(done)
    assert "\x1b" not in done.stderr
