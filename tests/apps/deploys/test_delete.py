"""Delete: the name is free at once, and nothing is left."""

import os
import time

import pytest

from apps.accounts.models import Token
from apps.applications.actions import create_app
from apps.applications.models import App, ConfigVar, Process
from apps.audit.models import Entry
from apps.builds.models import Build
from apps.deploys import actions
from apps.deploys.models import Deploy
from apps.deploys.reconcile.reaping import left
from apps.instances.models import Instance
from apps.monitoring.models import Probe
from apps.releases.models import Release
from apps.routes.models import Slot
from apps.sources.models import Source
from minato.errors import UserError

pytestmark = pytest.mark.django_db


def put(world, content: bytes, *, ago: float) -> str:
    """Put a source blob as one does that was put `ago` seconds ago."""
    blobs = world.outside.blobs
    file = blobs.scratch()
    file.write_bytes(content)
    sha256 = blobs.put(file)
    os.utime(blobs.root / sha256[:2] / sha256, (time.time() - ago,) * 2)
    return sha256


@pytest.fixture
def full(world, shop):
    """shop, with everything an app can have."""
    world.live(shop)
    actions.set_config(app=shop, changes={"A": "1"}, viewer=world.viewer)
    world.work()
    config = world.config
    (config.repos / f"{shop.uid}.git").mkdir(parents=True)
    Source.objects.filter(app=shop).update(sha256=put(world, b"tar", ago=120))
    world.engine.ensure_volume(f"{config.ns}-cache-{shop.uid}", {"minato.app": shop.uid})
    image = f"{config.registry}/apps/{shop.uid}:build-1-1"
    world.outside.registry.push(image, layers=[], config={})
    world.streams.add(f"log:{shop.uid}", [("*", {"l": "{}"})])
    assert set(left(shop)) == {
        "services", "containers", "volumes", "images", "registry", "repository", "blobs", "lines", "streams",
    }  # fmt: skip
    return shop


def test_nothing_is_left_of_a_deleted_app(world, full):
    uid = full.uid
    actions.delete_app(app=full, viewer=world.viewer)
    assert world.hosts() == {} and world.closed() == {}
    world.work()
    world.reconcile()
    assert not App.objects.filter(uid=uid).exists()
    for model in (Deploy, Build, Release, Source, Slot, Process, ConfigVar, Instance, Probe):
        assert not model.objects.exists(), model
    assert not Token.objects.filter(app_uid=uid).exists()
    assert world.engine.services({}) == [] and world.engine.volumes({}) == []
    assert not [one for one in world.engine.instances({}) if one.labels.get("minato.app") == uid]
    assert not (world.config.repos / f"{uid}.git").exists()
    assert world.outside.registry.manifests == world.outside.registry.blobs == {}
    assert world.outside.telemetry.lines(uid) == []
    kept = [name for name in world.streams.streams if not name.startswith("nudge:")]  # those expire by themselves
    assert kept == []
    acts = list(Entry.objects.filter(object=uid).order_by("seq").values_list("action", flat=True))
    assert acts[-2:] == ["app.delete", "app.reaped"]


def test_the_name_is_free_at_once(world, full, harbour):
    actions.delete_app(app=full, viewer=world.viewer)
    assert create_app(name="shop", team=harbour, viewer=world.viewer).uid != full.uid


def test_a_blob_that_another_app_names_stays(world, full, harbour):
    other = create_app(name="other", team=harbour, viewer=world.viewer)
    sha256 = Source.objects.filter(app=full).first().sha256
    Source.objects.create(app=other, sha256=sha256, size=3, origin="upload")
    actions.delete_app(app=full, viewer=world.viewer)
    world.reconcile()
    assert world.outside.blobs.exists(sha256)
    assert not App.objects.filter(pk=full.pk).exists()


def test_a_blob_that_another_app_may_be_putting_right_now_is_kept_until_it_is_known_whose_it_is(world, full, harbour):
    other = create_app(name="other", team=harbour, viewer=world.viewer)
    sha256 = put(world, b"tar", ago=0)  # the upload of `other`, its row not written yet
    actions.delete_app(app=full, viewer=world.viewer)
    world.reconcile()
    assert world.outside.blobs.exists(sha256) and left(full) == ["blobs"]
    Source.objects.create(app=other, sha256=sha256, size=3, origin="upload")
    world.reconcile()
    assert world.outside.blobs.exists(sha256)
    assert not App.objects.filter(pk=full.pk).exists()


def test_blobs_that_no_row_names_are_swept_when_they_are_old(world, full):
    named = Source.objects.filter(app=full).first().sha256
    put(world, b"tar", ago=7200)
    old, young = put(world, b"old", ago=7200), put(world, b"young", ago=600)
    for turn in (0, 300):
        world.reconcile(turn)
        assert set(world.outside.blobs.names()) == {named, young}
    assert not world.outside.blobs.exists(old)


def test_what_cannot_be_removed_now_is_removed_later_and_the_row_stays_till_then(world, full):
    world.outside.telemetry.down = True
    actions.delete_app(app=full, viewer=world.viewer)
    world.reconcile()
    assert App.objects.filter(pk=full.pk).exists()
    world.outside.telemetry.down = False
    world.streams.down = True
    world.reconcile()
    assert App.objects.filter(pk=full.pk).exists()
    world.streams.down = False
    world.reconcile()
    assert not App.objects.filter(pk=full.pk).exists()


def test_a_deploy_under_way_is_cancelled_first(world, full):
    hold = world.reach_with(world.push_on(full), "starting")
    actions.delete_app(app=full, viewer=world.viewer)
    assert world.advance(hold)
    world.reconcile()
    assert App.objects.filter(pk=full.pk).exists()
    assert not world.advance(hold)
    world.reconcile()
    assert not App.objects.filter(pk=full.pk).exists()


def test_only_an_admin_of_the_team_deletes(world, full, alice):
    from apps.accounts.models import Membership
    from apps.accounts.viewers import viewer_of

    Membership.objects.filter(user=alice).update(role="member")
    with pytest.raises(UserError) as refused:
        actions.delete_app(app=full, viewer=viewer_of(alice, via="page"))
    assert refused.value.code == "access:user:forbidden"
    full.refresh_from_db()
    assert full.deleted_at is None
