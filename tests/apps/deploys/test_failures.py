"""What can go wrong on the way: the old release always serves on, and nothing new is left."""

import pytest
from django.utils import timezone

from apps.deploys import actions
from apps.deploys.models import Deploy
from apps.releases.models import Release
from apps.routes.models import Slot
from minato.drivers.engine.scripted import Exit
from minato.errors import PlatformError

pytestmark = pytest.mark.django_db


@pytest.fixture
def first(world, shop):
    return world.live(shop)


def fails(world, deploy):
    """Work; return the failed deploy after checking that the first one serves alone."""
    world.work()
    deploy = world.row(deploy)
    assert deploy.state == "failed"
    live = Deploy.objects.get(state="live")
    assert world.hosts() == {"shop.apps.localhost": live.slot.number}
    assert Slot.objects.count() == 1
    assert [name.rpartition("-")[2] for name in world.services(deploy.app)] == [f"d{live.number}"]
    assert world.end(deploy)["code"] == deploy.code
    return deploy


def test_a_failing_release_phase_keeps_the_old_release(world, shop, first):
    world.builder.processes = {"web": "gunicorn", "release": "python manage.py migrate"}
    world.engine.exits(("/cnb/process/release",), Exit(code=3, output=b"no such table\n"))
    deploy = fails(world, world.push_on(shop))
    assert deploy.code == "release:user:phase-failed"
    told = world.told(deploy)
    assert "-----> Release phase: python manage.py migrate" in told
    assert "       no such table" in told
    assert " !     Push rejected, the release phase ended with code 3" in told
    assert Release.objects.get(number=2).state == "failed"
    assert not world.engine.instances({"minato.process": "release"})


def test_a_release_phase_runs_once_with_the_new_config_before_traffic(world, shop, first):
    world.builder.processes = {"web": "gunicorn", "release": "migrate"}
    world.engine.exits(("/cnb/process/release",), Exit(code=0, output=b"migrated\n"))
    deploy = world.push_on(shop)
    world.work()
    told = world.told(world.row(deploy))
    assert deploy.state == "live"
    at = [told.index(line) for line in ("-----> Release phase: migrate", "       migrated")]
    assert at == sorted(at) and at[-1] < next(n for n, line in enumerate(told) if "Starting" in line)
    assert not world.engine.instances({"minato.process": "release"})
    assert deploy.progress["phase"] == "done"


def test_a_release_phase_that_ended_while_no_worker_looked_is_not_run_again(world, shop, first, monkeypatch):
    world.builder.processes = {"web": "gunicorn", "release": "migrate"}
    world.engine.exits(("/cnb/process/release",), Exit(code=0))
    hold = world.reach_with(world.push_on(shop), "releasing")
    from apps.deploys.steps import phase

    with monkeypatch.context() as patch:  # the worker dies after the phase and before it is remembered
        patch.setattr(phase, "_wait", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            world.advance(hold)
    (ended,) = world.engine.instances({"minato.process": "release"})
    Deploy.objects.filter(pk=hold.deploy.pk).update(lease_until=timezone.now())
    world.reconcile()
    world.work()
    assert world.row(hold.deploy).state == "live"
    starts = [e for e in world.engine._events if e.action == "start" and e.labels.get("minato.process") == "release"]
    assert [e.container for e in starts] == [ended.container]


def test_a_release_phase_over_its_deadline_is_stopped(world, shop, first, times):
    times(release_phase=0.4)
    world.builder.processes = {"web": "gunicorn", "release": "migrate"}
    deploy = fails(world, world.push_on(shop))
    assert deploy.code == "release:user:phase-timeout"
    assert not world.engine.instances({"minato.process": "release"})


def test_an_app_that_never_binds_is_told_about_its_port(world, shop, first, times):
    times(start=0.3)
    world.binds = False
    deploy = world.push_on(shop)
    world.work()
    port_told = world.row(deploy)
    assert port_told.state == "failed" and port_told.code == "start:user:boot-timeout"
    assert "(R10)" in port_told.message and "does not listen on port" in port_told.message
    assert "Bind to 0.0.0.0:$PORT" in port_told.hint
    assert Slot.objects.count() == 1


def test_an_app_that_answers_errors_is_told_so(world, shop, first, times):
    times(start=0.3)
    world.binds, world.check = False, "L7STS"
    deploy = world.push_on(shop)
    world.work()
    assert "answers, but not well" in world.row(deploy).message


def test_a_process_that_exits_again_and_again_fails_with_its_code_and_last_lines(world, shop, first):
    world.engine.exits(("/cnb/process/web",), Exit(code=7, output=b"Traceback\nImportError: no module named app\n"))
    deploy = fails(world, world.push_on(shop))
    assert deploy.code == "start:user:crashed"
    assert deploy.message == "web exits with code 7"
    assert "       ImportError: no module named app" in world.told(deploy)


def test_out_of_memory_is_named(world, shop, first):
    world.engine.exits(("/cnb/process/web",), Exit(code=137, oom=True))
    deploy = fails(world, world.push_on(shop))
    assert deploy.message == "web exits with code 137 (out of memory)"


def test_a_task_that_the_engine_rejects_ends_the_deploy_at_once(world, shop, first):
    hold = world.reach_with(world.push_on(shop), "starting")
    world.engine.reject(hold.deploy.release.image, "invalid mount config")
    hold.let_go()
    deploy = fails(world, hold.deploy)
    assert deploy.code == "start:platform:rejected" and deploy.evidence == "invalid mount config"


def test_an_image_that_cannot_be_fetched_ends_the_deploy(world, shop, first):
    hold = world.reach_with(world.push_on(shop), "starting")
    world.engine.unpullable.add(hold.deploy.release.image)
    hold.let_go()
    assert fails(world, hold.deploy).code == "engine:platform:pull"


def test_a_router_that_does_not_take_the_switch_gets_the_old_state_back(world, shop, first, times):
    times(switch=0.2)
    hold = world.reach_with(world.push_on(shop), "switching")
    world.router = False
    hold.let_go()
    assert fails(world, hold.deploy).code == "switch:platform:not-applied"


def test_without_a_node_that_speaks_nothing_is_switched(world, shop, first, times):
    from apps.instances.models import Node

    times(switch=0.2)
    hold = world.reach_with(world.push_on(shop), "switching")
    world.away = True
    Node.objects.update(observed_at="2020-01-01T00:00Z")
    hold.let_go()
    assert fails(world, hold.deploy).code == "switch:platform:not-applied"


def test_what_was_not_seen_healthy_after_the_switch_is_taken_back(world, shop, first, times):
    times(prove=0.2)
    hold = world.reach_with(world.push_on(shop), "switching")
    world.binds = False
    hold.let_go()
    assert fails(world, hold.deploy).code == "prove:platform:not-seen"


def test_a_bug_of_ours_is_an_incident_and_never_a_stuck_deploy(world, shop, first, monkeypatch):
    from apps.deploys.steps import start

    def broken(_hold):
        raise RuntimeError("a bug")

    hold = world.reach_with(world.push_on(shop), "starting")
    monkeypatch.setattr(start, "_wait_ready", broken)
    hold.let_go()
    deploy = fails(world, hold.deploy)
    assert deploy.code == "starting:platform:incident"
    assert "a bug" not in "\n".join(world.told(deploy))


def test_without_build_images_a_push_is_not_the_users_fault(world, shop):
    from apps.stacks.models import Stack

    Stack.objects.all().delete()
    deploy = world.push(shop)
    world.work()
    assert world.row(deploy).code == "build:platform:no-stack"


def test_after_a_failed_first_push_the_next_one_still_starts_web(world, shop, times):
    world.engine.exits(("/cnb/process/web",), Exit(code=1))
    failed = world.push(shop)
    world.work()
    assert world.row(failed).state == "failed"
    world.engine.exits(("/cnb/process/web",), None)
    again = world.push(shop)
    world.work()
    assert world.row(again).state == "live"
    assert shop.processes.get().quantity == 1


def test_lost_redis_fails_no_deploy(world, shop):
    deploy = world.push(shop)
    world.streams.down = True
    world.work()
    assert world.row(deploy).state == "live"


def test_lost_telemetry_fails_no_deploy_and_the_lines_come_later(world, shop, config):
    world.outside.telemetry.down = True
    deploy = world.live(shop)
    world.outside.telemetry.down = False
    world.reconcile()
    build = world.outside.telemetry.lines(shop.uid, build=deploy.build.uid)
    assert "Collecting flask" in [line.text for line in build]
    told = world.outside.telemetry.lines(shop.uid, build=deploy.uid)
    assert any("deployed to Minato" in line.text for line in told)
    assert all(line.id.startswith("1-") for line in build)


def test_a_release_that_never_ran_cannot_come_back(world, shop, first):
    world.builder.error = None
    world.engine.exits(("/cnb/process/web",), Exit(code=1))
    failed = fails(world, world.push_on(shop))
    with pytest.raises(Exception, match="never ran"):
        actions.rollback(app=shop, release=failed.release, viewer=world.viewer)


def test_an_engine_that_is_away_fails_the_deploy_and_is_cleaned_up_later(world, shop, first):
    hold = world.reach_with(world.push_on(shop), "switching")
    world.engine.go_away()
    world.away, world.router = True, False
    from apps.deploys.ends import fail

    fail(hold, PlatformError(code="engine:platform:away", message="the engine is away"))
    assert len(world.engine._held) == 2
    world.engine.come_back()
    world.reconcile()
    assert [name.rpartition("-")[2] for name in world.services(shop)] == ["d1"]
