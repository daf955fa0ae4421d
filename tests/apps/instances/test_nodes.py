"""What an agent asks and what it reports."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.applications.models import App
from apps.deploys import nodes
from apps.deploys.models import Deploy
from apps.instances.models import Instance, Node
from apps.monitoring.models import Probe
from apps.routes.models import RouterGeneration, Slot
from minato.drivers.wiring import drivers
from minato.values.router import Observed, RouterState, ServerSeen, SlotCounts

pytestmark = pytest.mark.django_db


@pytest.fixture
def node():
    return Node.objects.create(name="n1", token_sha256="x")


@pytest.fixture
def slot(shop):
    deploy = Deploy.objects.create(app=shop, number=4, kind="push", state="live", deadline=timezone.now())
    return Slot.objects.create(number=7, port=20007, deploy=deploy, service="svc", host_held=True)


def container(app: App, name="c1", **more):
    labels = {
        "minato.app": app.uid,
        "minato.process": "web",
        "minato.deploy": "4",
        "minato.release": "v2",
        "minato.service": "svc",
    }
    return {"container": name, "labels": labels, "state": "running", "ordinal": 1, "address": "10.0.0.2", **more}


def report(*instances, servers=(), counts=(), **more):
    return Observed(node="n1", generation=3, instances=instances, servers=servers, counts=counts, **more)


def ready(name="c1"):
    return ServerSeen(
        slot=7, container=name, address="10.0.0.2", check="L7OK", ready=True, last_check="HTTP status 200"
    )


def test_a_node_is_told_only_what_is_newer(node):
    assert nodes.desired("n1", 0) is None
    state = RouterState(generation=5, hosts={"a": 1})
    RouterGeneration.objects.create(number=5, state=state.to_json(), reason="x")
    assert nodes.desired("n1", 4) == state
    assert nodes.desired("n1", 5) is None


def test_a_report_becomes_rows(node, shop, slot):
    counts = (SlotCounts(slot=7, requests=10, failed=1, errors_5xx=2, sessions=3),)
    started = "2026-11-24T08:00:00.123456789Z"
    nodes.observe("n1", report(container(shop, started_at=started), servers=(ready(),), counts=counts))
    row = Instance.objects.get()
    assert (row.app, row.service, row.process, row.deploy, row.release) == (shop, "svc", "web", 4, "v2")
    assert row.ready and row.check_status == "L7OK" and row.started_at.year == 2026
    probe = Probe.objects.get()
    assert (probe.ready, probe.known, probe.requests, probe.failed, probe.sessions) == (1, 1, 10, 1, 3)
    node.refresh_from_db()
    assert node.generation == 3 and node.engine and node.observed_at


def test_a_container_that_is_not_reported_any_more_has_ended(node, shop, slot):
    nodes.observe("n1", report(container(shop), servers=(ready(),)))
    nodes.observe("n1", report())
    row = Instance.objects.get()
    assert row.state == "gone" and not row.ready and row.finished_at


def test_an_engine_that_is_away_ends_no_container(node, shop, slot):
    nodes.observe("n1", report(container(shop), servers=(ready(),)))
    nodes.observe("n1", report(engine=False))
    assert Instance.objects.get().state == "running"
    node.refresh_from_db()
    assert node.engine is False


def test_an_exit_keeps_its_code(node, shop, slot):
    nodes.observe("n1", report(container(shop)))
    ended = container(shop, state="exited", exit_code=137, oom=True, finished_at=timezone.now())
    nodes.observe("n1", report(ended))
    nodes.observe("n1", report())
    row = Instance.objects.get()
    assert (row.state, row.exit_code, row.oom) == ("exited", 137, True)


def test_containers_of_nobody_and_malformed_ones_are_left_out(node, shop, slot):
    stray = container(shop, "c2")
    stray["labels"] = {**stray["labels"], "minato.app": "a_nobody"}
    odd = container(shop, "c3")
    odd["labels"] = {**odd["labels"], "minato.deploy": "x"}
    nodes.observe("n1", report(stray, odd, {"container": "c4"}))
    assert not Instance.objects.exists()


def test_whoever_waits_for_the_app_is_nudged_on_change_only(node, shop, slot, settings):
    nudged = []
    drivers(settings.MINATO).streams.nudge = nudged.append
    try:
        nodes.observe("n1", report(container(shop), servers=(ready(),)))
        nodes.observe("n1", report(container(shop), servers=(ready(),)))
        assert nudged == [f"observed:{shop.uid}"]
        Deploy.objects.create(app=shop, number=5, kind="push", state="switching", deadline=timezone.now())
        nodes.observe("n1", report(container(shop), servers=(ready(),)))
        assert len(nudged) == 2
    finally:
        del drivers(settings.MINATO).streams.nudge


def test_an_unknown_node_is_refused(db):
    with pytest.raises(Node.DoesNotExist):
        nodes.observe("n9", report())


def test_sixty_instances_take_few_queries(node, shop, slot, django_assert_max_num_queries):
    many = [container(shop, f"c{n}") for n in range(60)]
    with django_assert_max_num_queries(20):
        nodes.observe("n1", report(*many, servers=(ready(),)))


@pytest.mark.parametrize("raw", ["", None, "0001-01-01T00:00:00Z", "nonsense", "2026-11-24T08:00:00", 7])
def test_what_is_no_moment(raw):
    assert nodes.moment(raw) is None


def test_moments_of_docker_are_read():
    assert nodes.moment("2026-11-24T08:00:00.123456789Z").microsecond == 123456
    assert nodes.moment("2026-11-24T08:00:00+02:00").utcoffset() == timedelta(hours=2)


def test_register_node_keeps_a_hash_and_replaces_it(db, tmp_path):
    file = tmp_path / "token"
    file.write_text("x" * 40)
    call_command("register_node", "n1", str(file))
    first = Node.objects.get().token_sha256
    assert len(first) == 64 and "x" not in first
    file.write_text("y" * 40)
    call_command("register_node", "n1", str(file))
    assert Node.objects.get().token_sha256 != first
    file.write_text("short")
    with pytest.raises(CommandError):
        call_command("register_node", "n1", str(file))


def test_register_stack_takes_digests_alone(db, tmp_path):
    import json

    from apps.stacks.models import Stack

    file = tmp_path / "images.json"
    good = {"builder": "r/b@sha256:1", "run": "r/r@sha256:2", "run_name": "r/r:3.13"}
    file.write_text(json.dumps(good))
    call_command("register_stack", str(file))
    assert Stack.objects.get().value().run_name == "r/r:3.13"
    for bad in ({**good, "builder": "r/b:latest"}, {"run": "x"}):
        file.write_text(json.dumps(bad))
        with pytest.raises(CommandError):
            call_command("register_stack", str(file))
