"""Health from the rows that agents keep."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.instances.models import Instance, Node
from apps.monitoring.reads import health

pytestmark = pytest.mark.django_db


@pytest.fixture
def node():
    return Node.objects.create(name="n1", token_sha256="0" * 64, engine=True, observed_at=timezone.now())


@pytest.fixture
def released(shop):
    from apps.applications.models import Process
    from apps.builds.models import Build
    from apps.releases.models import Release
    from apps.sources.models import Source

    source = Source.objects.create(app=shop, sha256="0" * 64, size=1)
    build = Build.objects.create(
        app=shop, number=1, source=source, state="succeeded", image="r/a@sha256:1", deadline=timezone.now()
    )
    Release.objects.create(app=shop, number=1, build=build, image=build.image, description="Deploy", state="live")
    Process.objects.create(app=shop, type="web", quantity=1)
    return shop


def seen(node, app, *, age: float = 0.0, **more) -> None:
    values = {
        "service": "s",
        "process": "web",
        "release": "v1",
        "deploy": 1,
        "state": "running",
        "check_status": "L7OK",
    }
    at = timezone.now() - timedelta(seconds=age)
    Instance.objects.create(
        **{**values, "container": "c", "node": node, "app": app, "ready": True, "observed_at": at, **more}
    )


def test_an_app_without_a_release_has_no_health(shop, node):
    assert health(shop).status == "none"


def test_what_is_ready_runs(released, node):
    seen(node, released)
    found = health(released)
    assert (found.status, found.ready, found.desired) == ("running", 1, 1)
    assert found.age is not None and found.age < 5


def test_what_no_check_has_passed_is_starting(released, node):
    seen(node, released, ready=False, check_status="L4CON")
    assert (health(released).status, health(released).why) == ("starting", "web.1: running, L4CON")


def test_what_was_not_seen_for_10_s_is_unknown(released, node):
    Node.objects.update(engine=False)
    seen(node, released, age=11)
    assert (health(released).status, health(released).why) == ("unknown", "last observed 11 s ago")


def test_what_nobody_ever_saw_is_unknown(released):
    assert health(released).why == "never observed"


def test_what_the_platform_stopped_has_crashed(released, node):
    released.processes.update(crashed_at=timezone.now(), crash_exit_code=3, quantity=0)
    assert (health(released).status, health(released).why) == ("crashed", "web: exit code 3")
