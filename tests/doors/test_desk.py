"""What the doors ask of the apps, on rows."""

from __future__ import annotations

import pytest

from apps.access.viewer import Viewer
from apps.accounts import tokens
from apps.accounts.viewers import viewer_of
from apps.audit.models import Entry
from apps.deploys.models import Deploy
from doors import desk
from minato.errors import UserError
from minato.values.source import RefChange, SourceBlob

SOURCE = SourceBlob(sha256="a" * 64, size=10, entries=1)
CHANGE = RefChange(old="0" * 40, new="1" * 40, ref="refs/heads/main")

pytestmark = pytest.mark.django_db


def test_a_token_is_known_by_its_secret(alice):
    _, secret = tokens.make(user=alice, name="laptop", scopes=["read", "deploy"])
    found = desk.authenticate(secret, "git")
    assert isinstance(found, Viewer)
    assert (found.label, found.via, found.scopes) == ("alice", "git", frozenset({"read", "deploy"}))
    assert desk.authenticate("mnt_pat_wrong", "git") is None


def test_an_app_is_found_by_those_who_may_see_it(alice, bob, shop):
    target = desk.find(viewer_of(alice, via="git"), "shop")
    assert target is not None
    assert (target.uid, target.team) == (shop.uid, shop.team_id)
    assert target.deploys_from("main") and not target.deploys_from("feature")
    assert desk.find(viewer_of(bob, via="git"), "shop") is None


def test_a_push_and_an_upload_become_deploys(alice, shop):
    viewer = viewer_of(alice, via="git")
    target = desk.find(viewer, "shop")
    pushed = desk.push(target, SOURCE, CHANGE, viewer)
    uploaded = desk.upload(target, SOURCE, viewer, "key")
    assert desk.upload(target, SOURCE, viewer, "key") == uploaded
    assert list(Deploy.objects.order_by("number").values_list("uid", "number", "kind")) == [
        (pushed.uid, 1, "push"),
        (uploaded.uid, 2, "upload"),
    ]
    assert Deploy.objects.get(number=1).source.commit == CHANGE.new


def test_the_outcome_tells_why(alice, shop):
    viewer = viewer_of(alice, via="git")
    started = desk.push(desk.find(viewer, "shop"), SOURCE, CHANGE, viewer)
    Deploy.objects.update(state="failed", code="build:user:no-buildpack", message="m", hint="h", evidence="e")
    found = desk.outcome(started.uid)
    assert (found.state, found.code, found.message, found.hint, found.evidence) == (
        "failed",
        "build:user:no-buildpack",
        "m",
        "h",
        "e",
    )
    assert (found.number, found.build) == (1, Deploy.objects.get().build.number)


def test_a_refusal_is_written_down(alice, shop):
    viewer = viewer_of(alice, via="git")
    desk.denied(viewer, desk.find(viewer, "shop"), "app.deploy")
    entry = Entry.objects.filter(action="app.deploy").get()
    assert (entry.result, entry.object) == ("denied", shop.uid)


def test_the_policy_is_asked_by_default(alice, shop):
    reader = Viewer(
        user_id=alice.pk,
        uid=alice.uid,
        label="alice",
        via="git",
        teams={shop.team_id: "admin"},
        scopes=frozenset({"read"}),
    )
    with pytest.raises(UserError) as error:
        desk.Desk().require(reader, "app.deploy", shop.team_id)
    assert error.value.code == "access:user:forbidden"
