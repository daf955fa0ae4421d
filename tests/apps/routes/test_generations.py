"""Generations are whole, and computed from the rows alone."""

from dataclasses import replace

import pytest
from django.utils import timezone

from apps.applications.actions import create_app
from apps.applications.models import Domain, Process
from apps.deploys.models import Deploy
from apps.instances.models import Node
from apps.routes.actions import next_generation, prune, take_slot
from apps.routes.models import RouterGeneration, Slot
from minato.errors import PlatformError
from minato.values.router import RouterState

pytestmark = pytest.mark.django_db


def deploy_of(app, number=1, state="live"):
    return Deploy.objects.create(app=app, number=number, kind="push", state=state, deadline=timezone.now())


def made() -> RouterState:
    row = next_generation(reason="test")
    assert RouterState.from_json(row.state).generation == row.number
    return RouterState.from_json(RouterGeneration.objects.get(pk=row.pk).state)


def test_an_app_without_a_deploy_is_closed(shop):
    assert made().closed == {"shop.apps.localhost": "H14"}


def test_hosts_and_domains_lead_to_the_slot_that_holds_them(shop):
    Domain.objects.create(app=shop, host="shop.example.org")
    deploy = deploy_of(shop)
    slot = take_slot(deploy=deploy.pk, service="s")
    assert made().hosts == {}
    Slot.objects.update(host_held=True)
    state = made()
    assert state.hosts == {"shop.apps.localhost": slot.number, "shop.example.org": slot.number}
    (told,) = state.slots
    assert (told.app, told.app_name, told.deploy, told.service, told.port) == (shop.uid, "shop", 1, "s", slot.port)


def test_maintenance_closes_an_app_with_h80(shop):
    Slot.objects.create(number=1, port=20000, deploy=deploy_of(shop), service="s", host_held=True)
    shop.maintenance = True
    shop.save()
    assert made().closed == {"shop.apps.localhost": "H80"}


def test_a_crashed_web_closes_with_h10_until_another_deploy_takes_the_hosts(shop):
    Process.objects.create(app=shop, type="web", quantity=1, crashed_at=timezone.now())
    slot = Slot.objects.create(number=1, port=20000, deploy=deploy_of(shop), service="s", host_held=True)
    assert made().closed == {"shop.apps.localhost": "H10"}
    Slot.objects.filter(pk=slot.pk).update(host_held=False)
    Slot.objects.create(number=2, port=20001, deploy=deploy_of(shop, 2, "switching"), service="t", host_held=True)
    assert made().hosts == {"shop.apps.localhost": 2}


def test_a_deleted_app_has_no_host(shop):
    shop.deleted_at = timezone.now()
    shop.save()
    state = made()
    assert state.hosts == {} and state.closed == {}


def test_numbers_grow_past_what_any_node_has_applied(shop):
    Node.objects.create(name="n1", token_sha256="x", generation=41)
    assert [made().generation for _ in range(3)] == [42, 43, 44]


def test_the_lowest_slot_is_given_and_no_port_twice(shop, harbour, viewer):
    other = create_app(name="other", team=harbour, viewer=viewer)
    one = take_slot(deploy=deploy_of(shop).pk, service="a")
    two = take_slot(deploy=deploy_of(other).pk, service="b")
    assert (one.number, two.number) == (1, 2) and one.port != two.port
    one.delete()
    three = take_slot(deploy=deploy_of(shop, 2, "starting").pk, service="c")
    assert three.number == 1 and three.port not in (one.port, two.port)
    assert take_slot(deploy=three.deploy_id, service="c") == three


def test_without_a_free_slot_a_deploy_is_told_h99(shop, settings):
    settings.MINATO = replace(settings.MINATO, slots=1)
    take_slot(deploy=deploy_of(shop).pk, service="a")
    with pytest.raises(PlatformError) as refused:
        take_slot(deploy=deploy_of(shop, 2, "starting").pk, service="b")
    assert refused.value.code == "route:platform:no-slot" and "H99" in refused.value.message


def test_a_generation_takes_few_queries_however_many_apps(shop, harbour, viewer, django_assert_max_num_queries):
    for number in range(8):
        create_app(name=f"app-{number}x", team=harbour, viewer=viewer)
    with django_assert_max_num_queries(9):
        next_generation(reason="test")


def test_old_generations_are_pruned():
    for number in range(1, 61):
        RouterGeneration.objects.create(number=number, state={}, reason="x")
    assert prune() == 10
    assert RouterGeneration.objects.order_by("number").first().number == 11


def test_a_new_check_path_waits_for_the_apps_next_deploy(shop):
    take_slot(deploy=deploy_of(shop).pk, service="a", check_path="/up")
    shop.check_path = "/elsewhere"
    shop.save(update_fields=["check_path"])
    state = next_generation(reason="another app's business").state
    assert [slot["check_path"] for slot in state["slots"]] == ["/up"]
