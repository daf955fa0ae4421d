"""Which refs are accepted, and which is deployed."""

from __future__ import annotations

import pytest

from minato.receive.refs import judge, short, undeployed, verdicts
from minato.values.source import RefChange

ZERO, ONE = "0" * 40, "1" * 40


def change(ref: str, *, new: str = ONE, old: str = ZERO) -> RefChange:
    return RefChange(old=old, new=new, ref=ref)


def main_or_master(branch: str) -> bool:
    return branch in ("main", "master")


def judged(*changes: RefChange, atomic: bool = False):
    return judge(changes, main_or_master, atomic=atomic)


def test_the_deploy_branch_deploys():
    (found,) = judged(change("refs/heads/main"))
    assert (found.deploys, found.reason, found.note) == (True, "", "")


@pytest.mark.parametrize(
    "ref", ["refs/heads/feature", "refs/heads/a/b.c", "refs/tags/v1", "refs/heads/main2", "refs/tags/main"]
)
def test_others_are_stored_and_say_so(ref):
    (found,) = judged(change(ref))
    assert (found.deploys, found.reason) == (False, "")
    assert found.note == f"{short(ref)} is stored, not deployed"


def test_deleting():
    main, other = judged(change("refs/heads/main", new=ZERO), change("refs/heads/x", new=ZERO))
    assert main.reason == "the deploy branch cannot be deleted"
    assert (other.reason, other.note) == ("", "x deleted")


@pytest.mark.parametrize(
    "name",
    [
        "$(id)",
        "a;b",
        "a b",
        "a'b",
        'a"b',
        "a`b",
        "a|b",
        "a&b",
        "<b>",
        "a\\b",
        "-x",
        ".x",
        "a\nb",
        "a\x1bb",
        "a\udcffb",
        "x" * 200,
        "a!b",
        "%2e",
    ],
)
def test_hostile_names_are_refused(name):
    assert judged(change(f"refs/heads/{name}"))[0].reason.startswith("this name is not allowed")


@pytest.mark.parametrize("ref", ["refs/notes/x", "refs/for/main", "HEAD", "main", "refs/minato/x", "refs/headsx/a"])
def test_only_branches_and_tags_are_kept(ref):
    assert judged(change(ref))[0].reason == "only branches and tags are kept"


@pytest.mark.parametrize("name", ["港/機能", "fix#12", "release@2", "a+b", "v1.2-rc_3"])
def test_names_that_people_use_are_fine(name):
    assert judged(change(f"refs/heads/{name}"))[0].reason == ""


def test_atomic_one_refusal_refuses_all_before_anything_starts():
    found = judged(change("refs/heads/main"), change("refs/heads/$x"), atomic=True)
    assert [bool(j.reason) for j in found] == [True, True]
    assert not any(j.deploys for j in found)


def test_only_the_first_of_two_deploy_branches_deploys():
    found = judged(change("refs/heads/main"), change("refs/heads/master"))
    assert [j.reason for j in found] == ["", "one deploy at a time: push this branch on its own"]


def test_after_a_failed_deploy_its_ref_alone_is_refused_unless_atomic():
    found = judged(change("refs/heads/main"), change("refs/heads/x"))
    assert verdicts(undeployed(found, "build #46 failed", atomic=False)) == {
        "refs/heads/main": "build #46 failed",
        "refs/heads/x": "ok",
    }
    assert (
        verdicts(undeployed(found, "build #46 failed", atomic=True))["refs/heads/x"] == "atomic push: the deploy failed"
    )
