"""Workers die, freeze and come back: the fence decides, and no row waits for ever."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.builds.models import Build
from apps.deploys.building import run_build
from apps.deploys.hold import Hold, claim, read
from apps.deploys.models import Deploy
from apps.releases.models import Release
from apps.routes.models import RouterGeneration

pytestmark = pytest.mark.django_db

STATES = ("queued", "building", "releasing", "starting", "switching", "proving")


@pytest.fixture
def first(world, shop):
    return world.live(shop)


def everything(*rows):
    """Return all that a zombie could write."""
    models = (Deploy, Build, Release, RouterGeneration)
    return [list(model.objects.order_by("pk").values()) for model in models]


def lose(deploy) -> None:
    Deploy.objects.filter(pk=deploy.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize("state", STATES)
def test_a_worker_with_an_old_fence_writes_nothing(world, shop, first, state):
    hold = world.reach_with(world.push_on(shop), state)
    Deploy.objects.filter(pk=hold.deploy.pk).update(fence=hold.fence + 1)
    before, services, streams = everything(), world.services(shop), str(world.streams.streams)
    assert world.advance(hold) is False
    assert everything() == before
    assert world.services(shop) == services
    assert str(world.streams.streams) == streams


@pytest.mark.parametrize("state", STATES)
def test_another_worker_goes_on_where_one_was_lost(world, shop, first, state):
    hold = world.reach_with(world.push_on(shop), state)
    lose(hold.deploy)
    world.reconcile()
    handed = world.row(hold.deploy)
    assert handed.lease_until is None and handed.fence == hold.fence + 1
    world.work()
    assert world.row(hold.deploy).state == "live"
    assert Release.objects.filter(number=2).count() == 1 and Release.objects.count() == 2
    assert sum(world.services(shop).values()) == 2
    assert " !     Worker lost, another one goes on".lower() in [line.lower() for line in world.told(hold.deploy)]


@pytest.mark.parametrize("state", STATES)
def test_every_state_ends_at_its_deadline_by_one_reconcile(world, shop, first, state):
    hold = world.reach_with(world.push_on(shop), state)
    Deploy.objects.filter(pk=hold.deploy.pk).update(deadline=timezone.now() - timedelta(minutes=1))
    world.reconcile()
    deploy = world.row(hold.deploy)
    assert deploy.state == "failed" and deploy.code
    assert world.hosts() == {"shop.apps.localhost": first.slot.number}
    world.reconcile()
    assert [name.rpartition("-")[2] for name in world.services(shop)] == ["d1"]
    with_old_fence = world.advance(hold)
    assert with_old_fence is False and world.row(deploy).state == "failed"


def test_the_codes_of_the_deadlines(world, shop, first):
    expected = {
        "queued": "deploy:platform:no-builder",
        "building": "deploy:platform:no-builder",
        "releasing": "releasing:platform:deadline",
        "starting": "start:user:boot-timeout",
        "switching": "switching:platform:deadline",
        "proving": "proving:platform:deadline",
    }
    for state, code in expected.items():
        hold = world.reach_with(world.push_on(shop), state)
        world.binds = state != "starting"
        Deploy.objects.filter(pk=hold.deploy.pk).update(deadline=timezone.now() - timedelta(minutes=1))
        world.reconcile()
        assert world.row(hold.deploy).code == code
        world.binds = True


def test_one_deploy_of_an_app_runs_and_the_oldest_goes_first(world, shop):
    first, second = world.push(shop), world.push(shop)
    assert claim(second.pk) is None
    hold = claim(first.pk)
    assert hold is not None and claim(first.pk) is None


def test_a_heartbeat_renews_the_lease_and_ends_with_the_work(world, shop, times, monkeypatch):
    import time

    from apps.deploys import hold as module

    renewed = []
    monkeypatch.setattr(module, "_renewed", lambda update, lease: renewed.append(lease) or True)
    times(heartbeat=0.01)
    with module.heartbeat(Deploy, 1, 1):
        time.sleep(0.2)
    count = len(renewed)
    assert count >= 2
    time.sleep(0.05)
    assert len(renewed) == count


# -- builds -----------------------------------------------------------------------------------------------------------
def lost_build(world, shop):
    """A build whose builder is killed in the middle."""

    def die(_plan, _stop):
        raise KeyboardInterrupt

    deploy = world.push(shop)
    hold = world.reach_with(deploy, "building")
    hold.let_go()
    world.builder.during = die
    with pytest.raises(KeyboardInterrupt):
        run_build(deploy.build_id)
    Build.objects.filter(pk=deploy.build_id).update(lease_until=timezone.now() - timedelta(seconds=1))
    return deploy


def test_a_lost_build_is_built_again_and_says_so(world, shop):
    deploy = lost_build(world, shop)
    world.reconcile()
    assert world.row(deploy.build).state == "queued" and deploy.build.fence == 2
    world.builder.during = None
    world.work()
    assert world.row(deploy).state == "live"
    assert " !     worker lost, build restarted (attempt 2)" in world.told(deploy)
    assert [plan.fence for plan in world.builder.plans] == [1, 3]


def test_a_build_that_loses_three_builders_has_failed(world, shop):
    deploy = lost_build(world, shop)
    for _ in range(2):
        world.reconcile()
        with pytest.raises(KeyboardInterrupt):
            run_build(deploy.build_id)
        Build.objects.filter(pk=deploy.build_id).update(lease_until=timezone.now() - timedelta(seconds=1))
    world.reconcile()
    world.work()
    assert world.row(deploy).state == "failed"
    assert deploy.code == "build:platform:worker-lost" and "3 times" in deploy.message


def test_a_thawed_builder_is_told_to_stop_and_records_nothing(world, shop):
    deploy = world.push(shop)
    world.reach_with(deploy, "building").let_go()
    asked = []

    def during(_plan, stop):
        Build.objects.filter(pk=deploy.build_id).update(fence=9, state="queued", lease_until=None)
        asked.append(stop())

    world.builder.during = during
    run_build(deploy.build_id)
    assert asked == [True]
    row = world.row(deploy.build)
    assert (row.state, row.fence, row.image) == ("queued", 9, "")


def test_a_build_over_its_deadline_fails_and_its_containers_go(world, shop):
    from minato.values.engine import Container, Limits

    deploy = lost_build(world, shop)
    build = world.row(deploy.build)
    labels = {"minato.ns": world.config.ns, "minato.app": shop.uid, "minato.build": build.uid, "minato.fence": "1"}
    world.engine.start(Container(name="b", image="r/b", command=("x",), labels=labels, limits=Limits(memory=1, cpu=1)))
    later = timezone.now() + timedelta(minutes=1)
    Build.objects.filter(pk=build.pk).update(deadline=timezone.now() - timedelta(minutes=1), lease_until=later)
    world.reconcile()
    world.work()
    assert world.row(deploy).code == "build:user:timeout"
    assert not world.engine.instances({"minato.build": build.uid})


def test_a_queued_build_that_nobody_takes_fails(world, shop):
    deploy = world.push(shop)
    world.reach_with(deploy, "building").let_go()
    Build.objects.update(deadline=timezone.now() - timedelta(minutes=1))
    world.reconcile()
    world.work()
    assert world.row(deploy).code == "deploy:platform:no-builder"


def test_stray_build_containers_of_older_fences_are_removed(world, shop):
    from minato.values.engine import Container, Limits

    deploy = lost_build(world, shop)
    build = deploy.build
    for fence in (1, 5):
        labels = {"minato.ns": world.config.ns, "minato.build": build.uid, "minato.fence": str(fence)}
        world.engine.start(
            Container(name=f"b{fence}", image="r/b", command=("x",), labels=labels, limits=Limits(memory=1, cpu=1))
        )
    later = timezone.now() + timedelta(minutes=1)
    Build.objects.filter(pk=build.pk).update(fence=5, lease_until=later, deadline=later)
    world.reconcile(0)
    assert [one.name for one in world.engine.instances({"minato.build": build.uid})] == ["b5"]


def test_only_the_reader_of_a_row_may_act_on_it(world, shop):
    deploy = world.push(shop)
    assert world.advance(Hold(deploy=read(deploy.pk), fence=7)) is False
    assert world.row(deploy).state == "queued"
