"""Cancel, in each state: what was started is gone before it is called cancelled."""

import pytest

from apps.builds.models import Build
from apps.deploys import actions
from apps.deploys.models import Deploy
from apps.routes.models import Slot
from minato.errors import Cancelled, UserError

pytestmark = pytest.mark.django_db

LATER = ("releasing", "starting", "switching", "proving")


@pytest.fixture
def first(world, shop):
    return world.live(shop)


def check_only_the_first_is_left(world, first):
    live = Deploy.objects.get(state="live")
    assert live == first
    assert [name.rpartition("-")[2] for name in world.services(first.app)] == [f"d{first.number}"]
    assert Slot.objects.get().deploy == first and Slot.objects.get().host_held
    assert world.hosts() == {"shop.apps.localhost": Slot.objects.get().number}


def test_a_queued_deploy_is_cancelled_at_once(world, shop, first, django_capture_on_commit_callbacks):
    deploy = world.push_on(shop)
    with django_capture_on_commit_callbacks(execute=True):
        actions.cancel(deploy=deploy, viewer=world.viewer)
    assert world.row(deploy).state == "cancelled"
    assert world.row(deploy.build).state == "cancelled"
    assert world.end(deploy)["t"] == "cancelled"
    assert " !     Cancelled by alice" in world.told(deploy)
    world.work()
    assert world.row(deploy).state == "cancelled"


@pytest.mark.parametrize("state", LATER)
def test_a_running_deploy_is_cancelled_and_the_old_release_serves(world, shop, first, state):
    hold = world.reach_with(world.push_on(shop), state)
    actions.cancel(deploy=hold.deploy, viewer=world.viewer)
    while world.advance(hold):
        pass
    assert world.row(hold.deploy).state == "cancelled"
    check_only_the_first_is_left(world, first)
    assert world.end(hold.deploy)["t"] == "cancelled"


def test_a_cancel_while_a_step_waits_is_noticed_at_its_next_look(world, shop, first):
    world.binds = False
    hold = world.reach_with(world.push_on(shop), "starting")
    calls = []

    def tick():
        calls.append(1)
        if len(calls) == 3:
            actions.cancel(deploy=hold.deploy, viewer=world.viewer)

    world.streams.tick = tick
    while world.advance(hold):
        pass
    assert world.row(hold.deploy).state == "cancelled"
    check_only_the_first_is_left(world, first)


def test_a_build_under_way_is_stopped(world, shop, first):
    deploy = world.push_on(shop)

    def during(_plan, stop):
        assert not stop()
        actions.cancel(deploy=deploy, viewer=world.viewer)
        assert stop()
        raise Cancelled

    world.builder.during = during
    world.work()
    assert world.row(deploy.build).state == "cancelled"
    assert world.row(deploy).state == "cancelled"
    check_only_the_first_is_left(world, first)


def test_while_redis_is_down_the_reconciler_cancels(world, shop, first):
    hold = world.reach_with(world.push_on(shop), "building")
    hold.let_go()
    Build.objects.filter(pk=hold.deploy.build_id).update(state="queued", image="")
    actions.cancel(deploy=hold.deploy, viewer=world.viewer)
    world.streams.down = True
    world.reconcile()
    assert world.row(hold.deploy).state == "cancelled"
    assert world.row(hold.deploy.build).state == "cancelled"


def test_what_does_not_go_within_its_time_is_an_incident_and_never_called_cancelled(world, shop, first, monkeypatch):
    hold = world.reach_with(world.push_on(shop), "switching")
    monkeypatch.setattr(world.engine, "remove", lambda name: None)
    actions.cancel(deploy=hold.deploy, viewer=world.viewer)
    while world.advance(hold):
        pass
    hold.let_go()
    deploy = world.row(hold.deploy)
    assert (deploy.state, deploy.code) == ("cancelling", "cancel:platform:still-there")
    assert world.hosts() == {"shop.apps.localhost": first.slot.number}
    monkeypatch.undo()
    world.reconcile()
    assert world.row(hold.deploy).state == "cancelled"
    check_only_the_first_is_left(world, first)


def test_a_deploy_that_is_over_cannot_be_cancelled(world, shop, first):
    with pytest.raises(UserError) as refused:
        actions.cancel(deploy=first, viewer=world.viewer)
    assert refused.value.code == "deploy:user:over"
    assert world.row(first).cancel is False


def test_the_next_deploy_follows_a_cancelled_one(world, shop, first):
    cancelled = world.push_on(shop)
    following = world.push_on(shop)
    actions.cancel(deploy=cancelled, viewer=world.viewer)
    world.work()
    assert world.row(following).state == "live"
