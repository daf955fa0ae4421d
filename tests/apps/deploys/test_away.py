"""The engine or the registry is away for a while: a deploy waits for it, and only its deadline ends it."""

import pytest

from apps.deploys import actions
from apps.deploys.models import Deploy
from apps.deploys.steps import start
from apps.routes.models import Slot
from minato.drivers.engine.client import translated
from minato.drivers.engine.scripted import Exit
from minato.drivers.engine.swarm import unpulled
from minato.errors import PlatformError

pytestmark = pytest.mark.django_db

WAITS = " !     The engine does not answer. Waiting for it."


@pytest.fixture
def first(world, shop):
    return world.live(shop)


def back_after(world, looks: int) -> None:
    """The engine goes away, and comes back when somebody has waited `looks` times."""
    world.engine.go_away()
    seen = []

    def tick():
        seen.append(1)
        if len(seen) >= looks:
            world.engine.come_back()
        world.tick()

    world.streams.tick = tick


@pytest.mark.parametrize("state", ["releasing", "starting", "switching", "proving"])
def test_an_engine_that_is_away_for_a_while_delays_a_deploy(world, shop, first, state):
    world.builder.processes = {"web": "gunicorn", "release": "migrate"}
    world.engine.exits(("/cnb/process/release",), Exit(code=0))
    hold = world.reach_with(world.push_on(shop), state)
    back_after(world, looks=10)
    while world.advance(hold):
        pass
    deploy = world.row(hold.deploy)
    assert deploy.state == "live" and deploy.code == ""
    if state in ("releasing", "starting"):  # the others ask the agent alone
        assert world.told(deploy).count(WAITS) == 1
    assert world.hosts() == {"shop.apps.localhost": deploy.slot.number}


def test_an_engine_that_stays_away_fails_the_deploy_at_its_deadline_with_that_reason(world, shop, first, times):
    times(start=0.4)
    hold = world.reach_with(world.push_on(shop), "starting")
    world.engine.go_away()
    while world.advance(hold):
        pass
    deploy = world.row(hold.deploy)
    assert (deploy.state, deploy.code) == ("failed", "engine:platform:away")
    assert (deploy.finished - deploy.created).total_seconds() >= 0.4
    told = world.told(deploy)
    assert told.count(WAITS) == 1
    assert " !     Push rejected, The engine does not answer." in told
    assert world.hosts() == {"shop.apps.localhost": first.slot.number}
    assert Slot.objects.count() == 1 and world.row(first).state == "live"
    world.engine.come_back()
    world.reconcile()
    assert [name.rpartition("-")[2] for name in world.services(shop)] == [f"d{first.number}"]


def test_a_cancel_is_heeded_while_the_engine_is_away(world, shop, first):
    hold = world.reach_with(world.push_on(shop), "starting")
    back_after(world, looks=20)
    waiting = world.streams.tick

    def tick():
        waiting()
        if not hold.deploy.cancel:
            actions.cancel(deploy=hold.deploy, viewer=world.viewer)

    world.streams.tick = tick
    while world.advance(hold):
        pass
    assert world.row(hold.deploy).state == "cancelled"
    assert world.row(first).state == "live"


def test_a_registry_that_is_away_for_a_while_delays_a_deploy(world, shop, first, monkeypatch):
    hold = world.reach_with(world.push_on(shop), "starting")
    tries = []

    def pull(image: str) -> None:
        tries.append(image)
        if len(tries) < 4:
            raise unpulled(image, 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused')

    monkeypatch.setattr(world.engine, "pull", pull)
    while world.advance(hold):
        pass
    assert world.row(hold.deploy).state == "live"
    assert world.told(hold.deploy).count(" !     The registry does not answer. Waiting for it.") == 1


def test_an_image_that_the_registry_has_not_is_no_reason_to_wait():
    assert unpulled("r/a@sha256:1", "manifest unknown").passes is False


def test_a_swarm_that_is_not_there_yet_is_an_engine_that_is_away():
    import requests
    from docker.errors import APIError

    answer = requests.Response()
    answer.status_code = 503
    with pytest.raises(PlatformError) as caught, translated():
        raise APIError("503", response=answer, explanation="This node is not a swarm manager.")
    assert caught.value.passes


def test_a_stream_that_breaks_off_is_an_engine_that_is_away():
    from urllib3.exceptions import ProtocolError

    with pytest.raises(PlatformError) as caught, translated():
        raise ProtocolError("Connection broken: IncompleteRead(0 bytes read)")
    assert caught.value.passes


def test_a_build_waits_for_the_engine_and_begins_anew(world, shop, first):
    tries = []

    def during(_plan, _stop):
        tries.append(1)
        if len(tries) < 3:
            raise PlatformError(code="engine:platform:away", message="The engine does not answer.")

    world.builder.during = during
    deploy = world.push_on(shop)
    world.work()
    assert world.row(deploy).state == "live"
    assert [phase["name"] for phase in deploy.build.phases] == ["build"]
    assert world.told(deploy).count(" !     The engine does not answer. The build waits for it and begins anew.") == 1


def test_a_build_whose_engine_stays_away_fails_with_that_reason(world, shop, first, times):
    times(build=0.3)
    world.builder.error = PlatformError(code="engine:platform:away", message="The engine does not answer.")
    deploy = world.push_on(shop)
    world.work()
    assert (world.row(deploy).state, deploy.code) == ("failed", "engine:platform:away")
    assert world.row(first).state == "live"


def test_a_cancelled_build_does_not_wait_for_the_engine(world, shop, first):
    deploy = world.push_on(shop)

    def during(_plan, _stop):
        actions.cancel(deploy=Deploy.objects.get(pk=deploy.pk), viewer=world.viewer)
        raise PlatformError(code="engine:platform:away", message="The engine does not answer.")

    world.builder.during = during
    world.work()
    assert world.row(deploy).state == "cancelled" and world.row(first).state == "live"


def test_what_does_not_come_back_by_itself_ends_a_deploy_at_once(world, shop, first, monkeypatch):
    def refuse(*_):
        raise PlatformError(code="engine:platform:refused", message="invalid spec")

    monkeypatch.setattr(start, "_run", refuse)
    deploy = world.push_on(shop)
    world.work()
    assert world.row(deploy).code == "engine:platform:refused"


def test_a_build_whose_clean_up_fails_has_made_its_image(world, shop):
    world.builder.after = PlatformError(code="engine:platform:away", message="The engine does not answer.")
    deploy = world.push(shop)
    world.work()
    deploy = world.row(deploy)
    assert (deploy.state, deploy.build.state, len(world.builder.plans)) == ("live", "succeeded", 1)
    assert not any("waits for it" in line for line in world.told(deploy))
