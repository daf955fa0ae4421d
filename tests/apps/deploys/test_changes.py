"""What changes without new source: config, scale, restart, rollback, redeploy."""

import pytest

from apps.applications.models import ConfigVar
from apps.audit.models import Entry
from apps.builds.models import Build
from apps.deploys import actions
from apps.deploys.models import Deploy
from apps.deploys.snapshot import open_config
from apps.releases.models import Release
from apps.routes.models import Slot
from minato.drivers.engine.scripted import Exit
from minato.errors import UserError

pytestmark = pytest.mark.django_db


@pytest.fixture
def first(world, shop):
    return world.live(shop)


def env_of(world, app) -> dict[str, str]:
    live = Deploy.objects.get(app=app, state="live")
    (held,) = [h for h in world.engine._held.values() if h.workload.labels["minato.deploy"] == str(live.number)]
    return held.workload.env


def set_config(world, app, **changes):
    deploy = actions.set_config(app=app, changes=changes, viewer=world.viewer)
    world.work()
    return deploy and world.row(deploy)


# -- config -----------------------------------------------------------------------------------------------------------
def test_config_makes_a_release_of_the_same_image_and_reaches_the_process(world, shop, first):
    deploy = set_config(world, shop, GREETING="hello {{ world }}", B="2")
    assert (deploy.state, deploy.kind) == ("live", "config")
    release = deploy.release
    assert (release.number, release.description, release.config_version) == (2, "Set B, GREETING", 1)
    assert release.image == first.release.image
    assert env_of(world, shop)["GREETING"] == 'hello {{"{{"}} world }}'
    assert open_config(shop, release) == {"GREETING": "hello {{ world }}", "B": "2"}
    assert not Build.objects.filter(number=2).exists()


def test_the_same_value_again_changes_nothing(world, shop, first):
    set_config(world, shop, A="1")
    assert set_config(world, shop, A="1") is None
    assert Release.objects.count() == 2


def test_a_removed_key_is_gone_from_the_next_release(world, shop, first):
    set_config(world, shop, A="1", B="2")
    deploy = set_config(world, shop, A=None)
    assert deploy.release.description == "Remove A"
    assert "A" not in env_of(world, shop)
    assert set_config(world, shop, A=None) is None


def test_config_before_the_first_push_is_only_stored(world, shop):
    assert set_config(world, shop, A="1") is None
    deploy = world.live(shop)
    assert env_of(world, shop)["A"] == "1"
    assert any("config c1" in line for line in world.told(deploy))


@pytest.mark.parametrize("key", ["PORT", "PATH", "LD_PRELOAD", "MINATO_X", "CNB_Y", "1A", "A-B", "", "A" * 129])
def test_reserved_and_malformed_keys_are_refused_and_nothing_is_stored(world, shop, key):
    with pytest.raises(UserError):
        actions.set_config(app=shop, changes={"GOOD": "1", key: "x"}, viewer=world.viewer)
    assert not ConfigVar.objects.exists()


def test_all_of_an_app_s_config_is_no_larger_than_a_process_can_take(world, shop, first):
    set_config(world, shop, **{f"A{n}": "x" * 60_000 for n in range(4)})
    with pytest.raises(UserError) as caught:
        actions.set_config(app=shop, changes={"B": "x" * 60_000}, viewer=world.viewer)
    assert caught.value.code == "config:user:too-long"
    assert not ConfigVar.objects.filter(key="B").exists()
    assert set_config(world, shop, A0=None, B="x" * 50_000).state == "live"


def test_values_are_sealed_and_no_row_holds_them(world, shop, first):
    set_config(world, shop, SECRET="hunter2-hunter2")
    row = ConfigVar.objects.get()
    assert b"hunter2" not in bytes(row.sealed)
    assert "hunter2" not in repr(list(Release.objects.values())) + repr(list(Deploy.objects.values()))
    assert "hunter2" not in repr(list(Entry.objects.values()))
    assert "hunter2" not in repr(world.streams.streams)


def test_a_config_change_runs_the_release_phase_again(world, shop):
    world.builder.processes = {"web": "gunicorn", "release": "migrate"}
    world.engine.exits(("/cnb/process/release",), Exit(code=0))
    world.live(shop)
    deploy = set_config(world, shop, A="1")
    assert "-----> Release phase: migrate" in world.told(deploy)


# -- scale ------------------------------------------------------------------------------------------------------------
def scale(world, app, *changes):
    deploy = actions.scale(app=app, changes=changes, viewer=world.viewer)
    world.work()
    return world.row(deploy)


def test_scale_up_sets_replicas_of_the_running_service_and_makes_no_release(world, shop, first):
    (name,) = world.services(shop)
    deploy = scale(world, shop, ("web", "+2", None))
    assert world.services(shop) == {name: 3}
    assert (deploy.state, deploy.release) == ("done", first.release)
    assert Deploy.objects.get(state="live") == first
    assert shop.processes.get().quantity == 3
    assert world.end(deploy)["t"] == "live"
    assert Release.objects.count() == 1
    world.reconcile()
    assert world.services(shop) == {name: 3}


def test_scale_down_starts_a_new_service_beside_the_old_one(world, shop, first):
    scale(world, shop, ("web", "=3", None))
    deploy = scale(world, shop, ("web", "-2", None))
    assert deploy.state == "live"
    assert sorted(world.services(shop).values()) == [1, 3]
    assert world.row(first).state == "draining"
    assert Release.objects.count() == 1


def test_a_type_that_only_a_failed_release_had_cannot_be_scaled(world, shop, first):
    shop.processes.create(type="clock", quantity=0)
    with pytest.raises(UserError) as refused:
        scale(world, shop, ("clock", "+1", None))
    assert "clock" in refused.value.message


def test_another_size_starts_new_services(world, shop, first):
    deploy = scale(world, shop, ("web", "=1", "large"))
    assert deploy.state == "live"
    (held,) = [h for h in world.engine._held.values() if h.workload.labels["minato.deploy"] == str(deploy.number)]
    assert held.workload.limits.memory == 1 << 30


def test_web_to_zero_frees_the_slot_and_closes_the_host(world, shop, first):
    deploy = scale(world, shop, ("web", "=0", None))
    assert deploy.state == "live"
    assert world.closed() == {"shop.apps.localhost": "H14"} and world.hosts() == {}
    Deploy.objects.filter(state="draining").update(deadline="2020-01-01T00:00Z")
    world.reconcile()
    assert world.services(shop) == {} and not Slot.objects.exists()
    assert scale(world, shop, ("web", "=1", None)).state == "live"
    assert list(world.hosts()) == ["shop.apps.localhost"]


def test_a_failed_scale_up_goes_back_to_what_was(world, shop, first, times):
    times(start=0.3)
    (name,) = world.services(shop)
    world.binds = False
    deploy = scale(world, shop, ("web", "=2", None))
    assert deploy.state == "failed"
    world.reconcile()
    assert world.services(shop) == {name: 1}
    assert shop.processes.get().quantity == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("nope", "=1", None), "scale:user:unknown-type"),
        (("web", "=99", None), "scale:user:out-of-range"),
        (("web", "-2", None), "scale:user:out-of-range"),
        (("web", "=1", "huge"), "scale:user:unknown-size"),
    ],
)
def test_an_impossible_scale_is_refused_at_once(world, shop, first, change, code):
    with pytest.raises(UserError) as refused:
        actions.scale(app=shop, changes=[change], viewer=world.viewer)
    assert refused.value.code == code


def test_before_the_first_push_there_is_nothing_to_scale_or_restart(world, shop):
    for act in (
        lambda: actions.scale(app=shop, changes=[], viewer=world.viewer),
        lambda: actions.restart(app=shop, viewer=world.viewer),
    ):
        with pytest.raises(UserError, match="Nothing runs yet"):
            act()


# -- restart, redeploy, rollback --------------------------------------------------------------------------------------
def test_restart_starts_new_services_of_the_same_release(world, shop, first):
    deploy = actions.restart(app=shop, viewer=world.viewer)
    world.work()
    assert world.row(deploy).state == "live" and deploy.release == first.release
    assert Release.objects.get().state == "live"
    assert "-----> Restarting v1: formation web=1" in world.told(deploy)
    Deploy.objects.filter(state="draining").update(deadline="2020-01-01T00:00Z")
    world.reconcile()
    assert Release.objects.get().state == "live"


def test_redeploy_builds_the_same_source_again(world, shop, first):
    deploy = actions.redeploy(app=shop, viewer=world.viewer)
    world.work()
    assert world.row(deploy).state == "live"
    assert deploy.release.description == f"Redeploy {first.source.commit[:7]}"
    assert [plan.source for plan in world.builder.plans] == [first.source.sha256] * 2


def test_rollback_brings_code_and_config_back_under_a_new_number(world, shop, first):
    set_config(world, shop, A="1")
    old = Release.objects.get(number=2)
    set_config(world, shop, A="2", B="3")
    world.work()
    world.push_on(shop)
    world.work()
    deploy = actions.rollback(app=shop, release=old, viewer=world.viewer)
    world.work()
    assert world.row(deploy).state == "live"
    assert (deploy.release.number, deploy.release.description) == (5, "Rollback to v2")
    assert deploy.release.image == first.release.image
    assert env_of(world, shop)["A"] == "1" and "B" not in env_of(world, shop)
    assert sorted(ConfigVar.objects.values_list("key", flat=True)) == ["A"]
    assert set_config(world, shop, A="1") is None
    assert set_config(world, shop, A="4").state == "live"


def test_a_failed_rollback_changes_no_config(world, shop, first, times):
    times(start=0.3)
    set_config(world, shop, A="1")
    world.binds = False
    actions.rollback(app=shop, release=Release.objects.get(number=1), viewer=world.viewer)
    world.work()
    assert ConfigVar.objects.get().key == "A"


def test_every_act_is_in_the_audit_log(world, shop, first):
    set_config(world, shop, A="1")
    scale(world, shop, ("web", "+1", None))
    actions.restart(app=shop, viewer=world.viewer)
    acts = list(Entry.objects.filter(object=shop.uid).order_by("seq").values_list("action", flat=True))
    assert acts == ["app.create", "app.push", "config.set", "app.scale", "app.restart"]
