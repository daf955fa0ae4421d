"""The main story: a push becomes a running, routed app."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.builds.models import Build
from apps.deploys.models import Deploy
from apps.releases.models import Release
from apps.routes.models import Slot
from minato.errors import UserError

pytestmark = pytest.mark.django_db


def plain(lines):
    return [re.sub(r"\d+\.\ds", "1.0s", re.sub(r"sha256:\w{4}…", "sha256:1f3c…", line)) for line in lines]


def test_a_first_push_runs_one_web_and_says_so(world, shop):
    deploy = world.push(shop)
    world.work()
    deploy = world.row(deploy)
    assert deploy.state == "live" and deploy.code == ""
    commit = deploy.source.commit[:7]
    told = plain(world.told(deploy))
    assert told[:9] == [
        "-----> Building with builder minato/trixie@sha256:1f3c…",
        "-----> Python 3.13 app detected (requirements.txt)",
        "       Collecting flask",
        "-----> Discovering process types",
        "       Procfile declares types -> web",
        "-----> Build succeeded in 1.0s (image sha256:1f3c…, 3 layers reused)",
        f"-----> Release v1: commit {commit}, config c0, formation web=1",
        "-----> Starting web.1 ... healthy in 1.0s",
        "-----> Switched traffic to v1: no requests during the switch",
    ]
    assert told[9] == f"       {world.config.app_url('shop')} deployed to Minato in 1.0s"
    assert world.end(deploy) == {"k": "end", "t": "live", "code": "", "message": ""}


def test_a_first_push_leaves_one_service_one_slot_and_the_apps_host(world, shop):
    deploy = world.live(shop)
    slot = Slot.objects.get()
    assert slot.host_held and slot.deploy == deploy
    assert world.hosts() == {"shop.apps.localhost": slot.number}
    process = shop.processes.get()
    assert (process.type, process.quantity) == ("web", 1)
    assert world.services(shop) == {f"{world.config.ns}-{shop.uid}-{process.uid}-d1": 1}
    assert Release.objects.get().state == "live"


def test_the_instances_know_their_port_and_their_names(world, shop):
    world.live(shop)
    (held,) = world.engine._held.values()
    slot = Slot.objects.get()
    env = held.workload.env
    assert env["PORT"] == str(slot.port)
    assert env["DYNO"] == "web.{{.Task.Slot}}"
    assert (env["MINATO_APP"], env["MINATO_RELEASE"]) == ("shop", "v1")


def test_a_second_push_switches_and_the_old_processes_drain(world, shop):
    first = world.live(shop)
    world.traffic = 10
    second = world.push(shop, old=first.source.commit)
    world.work()
    assert (world.row(first).state, world.row(second).state) == ("draining", "live")
    (switched,) = [line for line in world.told(second) if "Switched" in line]
    assert re.fullmatch(
        r"-----> Switched traffic to v2: 0 failed of [1-9]\d* requests, old processes draining", switched
    )
    assert len(world.services(shop)) == 2
    assert [r.state for r in Release.objects.order_by("number")] == ["retired", "live"]


def test_the_failed_requests_of_a_switch_are_counted(world, shop):
    first = world.live(shop)
    world.traffic = 10
    world.tick()
    old = Slot.objects.get().number
    world.counts[old] = [100, 0]
    world.tick()
    hold_state = {}

    original = world.tick

    def tick():
        if world.hosts().get("shop.apps.localhost") != old and not hold_state:
            hold_state["failed"] = True
            world.counts[old][1] += 3
        original()

    world.streams.tick = tick
    second = world.push(shop, old=first.source.commit)
    world.work()
    assert any("3 failed of" in line for line in world.told(second))


def test_drained_processes_go_and_their_slot_is_free(world, shop):
    first = world.live(shop)
    second = world.push(shop, old=first.source.commit)
    world.work()
    Deploy.objects.filter(pk=first.pk).update(deadline="2020-01-01T00:00Z")
    world.reconcile()
    assert world.row(first).state == "retired"
    assert [slot.deploy for slot in Slot.objects.all()] == [world.row(second)]
    assert [name.rpartition("-")[2] for name in world.services(shop)] == ["d2"]


def test_a_failed_build_keeps_the_old_release_and_names_the_reason(world, shop, user_error):
    first = world.live(shop)
    world.builder.error = user_error
    second = world.push(shop, old=first.source.commit)
    world.work()
    assert (world.row(first).state, world.row(second).state) == ("live", "failed")
    assert second.code == "build:user:no-buildpack"
    told = world.told(second)
    assert " !     Push rejected, None of 3 buildpacks recognised this source." in told
    assert told[-1] == " !     Add a Procfile."
    assert world.end(second)["t"] == "failed" and world.end(second)["code"] == "build:user:no-buildpack"
    assert Release.objects.count() == 1
    assert Build.objects.get(number=2).state == "failed"


def test_two_pushes_the_second_waits_and_says_so(world, shop, django_capture_on_commit_callbacks):
    first = world.push(shop)
    with django_capture_on_commit_callbacks(execute=True):
        second = world.push(shop)
    from apps.deploys.pipeline import run_deploy

    run_deploy(second.pk)
    assert world.row(second).state == "queued"
    assert world.told(second) == ["-----> Waiting for deploy d1 of this app (queued)"]
    world.work()
    assert world.row(first).state == "live"


def test_a_push_whose_branch_has_moved_meanwhile_is_refused_as_stale(world, shop):
    first = world.push(shop)
    second = world.push(shop)
    world.work()
    assert world.row(first).state == "live"
    assert world.row(second).state == "failed"
    assert second.code == "deploy:user:stale"
    assert second.message == f"main moved to {first.source.commit[:7]}, fetch first"
    assert len(world.builder.plans) == 1
    assert Release.objects.count() == 1


def test_a_push_that_came_between_a_live_row_and_its_branch_is_stale(world, shop):
    before = world.live(shop)
    first = world.push(shop, old=before.source.commit)
    world.work()
    second = world.push(shop, old=before.source.commit)  # it saw the branch before that moved to the first
    world.work()
    assert world.row(second).code == "deploy:user:stale"
    assert second.message == f"main moved to {world.row(first).source.commit[:7]}, fetch first"
    assert first.state == "live"


def test_what_went_live_long_before_a_push_came_does_not_make_it_stale(world, shop):
    first = world.live(shop)
    Deploy.objects.filter(pk=first.pk).update(live_at=timezone.now() - timedelta(seconds=61))
    second = world.push(shop, old="1" * 40)  # the branch was moved by hand since
    world.work()
    assert world.row(second).state == "live"


def test_a_push_of_another_branch_or_on_top_of_the_first_is_not_stale(world, shop):
    first = world.push(shop)
    second = world.push(shop, old=first.source.commit)
    world.work()
    assert world.row(second).state == "live"


def test_a_worker_process_starts_with_none_and_keeps_its_quantity(world, shop):
    world.builder.processes = {"web": "gunicorn", "worker": "python work.py"}
    first = world.live(shop)
    assert {p.type: p.quantity for p in shop.processes.all()} == {"web": 1, "worker": 0}
    scaled = world.live_again(shop, worker=2)
    assert any("Starting web.1 worker.1 worker.2 ... healthy" in line for line in world.told(scaled))
    third = world.push(shop, old=first.source.commit)
    world.work()
    assert world.row(third).state == "live"
    assert {p.type: p.quantity for p in shop.processes.all()} == {"web": 1, "worker": 2}
    assert any("formation web=1 worker=2" in line for line in world.told(third))


def test_a_type_that_has_gone_from_the_image_goes(world, shop):
    world.builder.processes = {"web": "gunicorn", "worker": "python work.py"}
    world.live(shop, worker=1)
    world.builder.processes = {"web": "gunicorn"}
    deploy = world.push_on(shop)
    world.work()
    assert world.row(deploy).state == "live"
    assert [p.type for p in shop.processes.all()] == ["web"]


def test_an_app_without_web_runs_its_worker_and_its_host_is_closed(world, shop):
    world.builder.processes = {"worker": "python work.py"}
    deploy = world.push(shop)
    world.work()
    assert world.row(deploy).state == "live"
    assert world.closed() == {"shop.apps.localhost": "H14"}
    assert not any("Switched" in line for line in world.told(deploy))


def test_an_upload_is_deployed_and_the_same_key_is_the_same_deploy(world, shop):
    from apps.deploys import actions
    from minato.values.source import SourceBlob

    blob = SourceBlob(sha256="ab" * 32, size=10, entries=1)
    first = actions.upload(app=shop, source=blob, viewer=world.viewer, idempotency_key="k1")
    again = actions.upload(app=shop, source=blob, viewer=world.viewer, idempotency_key="k1")
    assert first == again
    world.work()
    assert world.row(first).state == "live"
    assert any("Release v1: upload abababa" in line for line in world.told(first))


def test_a_stranger_may_not_push(world, shop, bob):
    from apps.accounts.viewers import viewer_of

    world.viewer = viewer_of(bob, via="git")
    with pytest.raises(UserError) as refused:
        world.push(shop)
    assert refused.value.code == "access:user:forbidden"
    assert not Deploy.objects.exists()
