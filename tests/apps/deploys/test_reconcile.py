"""Repair: what is missing comes back, what nobody wants goes, and a second look changes nothing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.builds.models import Build
from apps.deploys import actions, kick
from apps.deploys.models import Deploy
from apps.instances.models import Instance, Node
from apps.monitoring.models import Probe
from apps.releases.models import Release
from apps.routes.models import RouterGeneration, Slot
from minato.drivers.engine.scripted import Exit
from minato.values.engine import Limits, Workload

pytestmark = pytest.mark.django_db


@pytest.fixture
def first(world, shop):
    return world.live(shop)


@pytest.fixture
def sent(monkeypatch):
    hints = []
    monkeypatch.setattr(kick, "send", lambda task, pk: hints.append((task, pk)) or True)
    return hints


def rows():
    return [list(m.objects.order_by("pk").values()) for m in (Deploy, Build, Release, Slot, RouterGeneration)]


def test_a_settled_platform_is_left_as_it_is(world, shop, first):
    world.reconcile()
    before, services = rows(), world.services(shop)
    for turn in range(3):
        world.reconcile(turn)
    assert rows() == before and world.services(shop) == services


def test_a_service_that_is_missing_for_a_live_deploy_comes_back(world, shop, first):
    (name,) = world.services(shop)
    world.engine.remove(name)
    world.reconcile()
    assert world.services(shop) == {name: 1}


def test_a_service_of_no_deploy_is_removed(world, shop, first):
    before = world.services(shop)
    labels = {"minato.ns": world.config.ns, "minato.app": shop.uid, "minato.deploy": "77", "minato.process": "web"}
    limits = Limits(memory=1, cpu=1)
    world.engine.ensure(
        Workload(name="stray", image="i", command=("x",), env={}, labels=labels, replicas=1, limits=limits)
    )
    world.reconcile()
    assert world.services(shop) == before


def test_a_deploy_whose_hint_was_lost_is_kicked_once_in_5_seconds(world, shop, sent):
    deploy = world.push(shop)
    world.reconcile()
    world.reconcile()
    assert sent == [("deploys.run_deploy", deploy.pk)]
    Deploy.objects.update(kicked_at=timezone.now() - timedelta(seconds=6))
    world.reconcile()
    assert len(sent) == 2


def test_a_deploy_that_waits_for_its_build_is_not_kicked_but_the_build_is(world, shop, sent):
    hold = world.reach_with(world.push(shop), "building")
    hold.let_go()
    world.reconcile()
    assert sent == [("deploys.run_build", hold.deploy.build_id)]


def test_a_finished_build_kicks_its_deploy_even_if_the_hint_was_lost(world, shop, sent):
    from apps.deploys.building import run_build

    hold = world.reach_with(world.push(shop), "building")
    hold.let_go()
    run_build(hold.deploy.build_id)
    world.reconcile()
    assert sent == [("deploys.run_deploy", hold.deploy.pk)]


def test_open_requests_hold_an_old_deploy_until_they_are_over(world, shop, first):
    world.push_on(shop)
    world.work()
    old = world.row(first)
    since = timezone.now() - timedelta(seconds=5)
    Deploy.objects.filter(pk=old.pk).update(state_since=since)
    Probe.objects.filter(deploy=old.number).update(sessions=3)
    world.reconcile()
    assert world.row(old).state == "draining"
    Probe.objects.filter(deploy=old.number).update(sessions=0, observed_at=timezone.now())
    world.reconcile()
    assert world.row(old).state == "retired"


def test_an_old_worker_goes_at_once_but_the_old_web_drains(world, shop):
    world.builder.processes = {"web": "gunicorn", "worker": "work"}
    world.live(shop, worker=1)
    world.push_on(shop)
    world.work()
    world.reconcile()
    old = Deploy.objects.filter(state="draining").latest("pk")
    left = world.engine.services({"minato.app": shop.uid, "minato.deploy": str(old.number)})
    assert [one.labels["minato.process"] for one in left] == ["web"]


# -- crashes ----------------------------------------------------------------------------------------------------------
def crash(world, times: int = 5) -> None:
    for _ in range(times):
        running = [one for one in world.engine.instances({"minato.process": "web"}) if one.state == "running"]
        world.engine.write(running[0].container, b"Traceback\nboom\n")
        world.engine.end(running[0].container, 3)
    world.tick()


def test_five_exits_in_a_minute_scale_to_none_and_show_why(world, shop, first):
    crash(world)
    world.reconcile()
    process = shop.processes.get()
    assert process.crashed_at and process.crash_exit_code == 3
    assert process.crash_lines == ["Traceback", "boom"]
    assert list(world.services(shop).values()) == [0]
    assert world.closed() == {"shop.apps.localhost": "H10"} and world.hosts() == {}
    world.reconcile()
    assert list(world.services(shop).values()) == [0]


def test_four_exits_are_not_a_crash(world, shop, first):
    crash(world, 4)
    world.reconcile()
    assert shop.processes.get().crashed_at is None


def test_exits_in_the_minute_after_an_engine_start_are_the_engines_doing(world, shop, first):
    Node.objects.update(engine_started_at=timezone.now() + timedelta(seconds=1))
    crash(world)
    world.reconcile()
    assert shop.processes.get().crashed_at is None


def test_a_restart_brings_a_crashed_process_back(world, shop, first):
    crash(world)
    world.reconcile()
    deploy = actions.restart(app=shop, viewer=world.viewer)
    world.work()
    assert world.row(deploy).state == "live"
    assert shop.processes.get().crashed_at is None
    assert list(world.hosts()) == ["shop.apps.localhost"]


def test_a_crashing_worker_closes_no_host(world, shop):
    world.builder.processes = {"web": "gunicorn", "worker": "work"}
    world.live(shop, worker=1)
    world.engine.exits(("/cnb/process/worker",), Exit(code=1, times=5))
    (running,) = [one for one in world.engine.instances({"minato.process": "worker"}) if one.state == "running"]
    world.engine.end(running.container, 1)
    world.tick()
    world.reconcile()
    assert shop.processes.get(type="worker").crashed_at
    assert world.closed() == {} and list(world.hosts()) == ["shop.apps.localhost"]


# -- refs, history ----------------------------------------------------------------------------------------------------
class Git:
    def __init__(self, at: str) -> None:
        self.at = at
        self.moves = []

    def ref(self, repository, name):
        return self.at

    def update_ref(self, repository, change):
        self.moves.append((repository.name, change.new))
        self.at = change.new
        return True

    def remove(self, repository):
        pass


def test_a_branch_that_was_left_behind_is_moved(world, shop, first):
    git = world.outside.__dict__["git"] = Git(at=first.old_commit)
    Deploy.objects.filter(pk=first.pk).update(live_at=timezone.now() - timedelta(seconds=4))
    world.reconcile()
    assert git.moves == []  # the hook's own turn
    Deploy.objects.filter(pk=first.pk).update(live_at=timezone.now() - timedelta(seconds=6))
    world.reconcile()
    world.reconcile()
    assert git.moves == [(f"{shop.uid}.git", first.source.commit)]


def test_a_branch_that_moved_meanwhile_is_left_alone(world, shop, first):
    git = world.outside.__dict__["git"] = Git(at="ab" * 20)
    Deploy.objects.filter(pk=first.pk).update(live_at=timezone.now() - timedelta(seconds=6))
    world.reconcile()
    assert git.moves == []


def test_history_goes(world, shop, first):
    for number in range(1000, 1100):
        RouterGeneration.objects.create(number=number, state={}, reason="old")
    Deploy.objects.filter(pk=first.pk).update(idempotency_key="k", created=timezone.now() - timedelta(days=2))
    old = timezone.now() - timedelta(hours=1)
    Instance.objects.update(state="exited", observed_at=old)
    world.reconcile(0)
    assert RouterGeneration.objects.count() == 50
    assert world.row(first).idempotency_key == ""
    assert not Instance.objects.exists()


def test_one_broken_part_stops_no_other(world, shop, first, caplog):
    world.engine.go_away()
    deploy = world.push_on(shop)
    Deploy.objects.filter(pk=deploy.pk).update(deadline=timezone.now() - timedelta(minutes=1))
    world.reconcile()
    assert world.row(deploy).state == "failed"


def test_the_command_runs_a_round(world, shop, first):
    from django.core.management import call_command

    (name,) = world.services(shop)
    world.engine.remove(name)
    call_command("reconcile", "--once")
    assert world.services(shop) == {name: 1}
