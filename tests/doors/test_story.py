"""A deploy's story, told from streams, store and rows."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from apps.accounts.models import Team
from apps.applications.models import App
from apps.builds.models import Build
from apps.deploys.models import Deploy
from apps.sources.models import Source
from doors import story
from minato.drivers.wiring import drivers
from minato.observe.story import stored

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(30)]


@pytest.fixture
def deploy() -> Deploy:
    outside = drivers(settings.MINATO)
    outside.streams.streams.clear()
    outside.streams._top.clear()
    outside.streams.down = False
    outside.telemetry.clear()
    app = App.objects.create(name="shop", team=Team.objects.create(name="harbour"))
    source = Source.objects.create(app=app, sha256="0" * 64, size=1)
    soon = timezone.now() + timedelta(minutes=5)
    build = Build.objects.create(app=app, number=1, source=source, state="running", lease_until=soon, deadline=soon)
    return Deploy.objects.create(
        app=app, number=1, kind="push", source=source, build=build, state="building", deadline=soon
    )


def say(stream: str, *entries: tuple[str, str, str]) -> None:
    drivers(settings.MINATO).streams.add(stream, [(id_, {"k": k, "t": t}) for id_, k, t in entries])


def tell(deploy: Deploy) -> None:
    """The whole story of a good push, in both streams."""
    say(
        f"deploy:{deploy.uid}",
        ("1-1", "head", "Receiving"),
        ("1-2", "build", deploy.build.uid),
        ("1-3", "head", "Release v1"),
        ("1-4", "end", "live"),
    )
    say(
        f"build:{deploy.build.uid}",
        ("1-1", "head", "Building"),
        ("1-2", "body", "Collecting flask"),
        ("1-3", "end", "succeeded"),
    )


def keep(deploy: Deploy) -> None:
    """The same lines in the store."""
    at = datetime(2026, 11, 24, tzinfo=UTC)
    said = [
        (deploy.uid, "1-1", "head", "Receiving", 0),
        (deploy.build.uid, "1-1", "head", "Building", 1),
        (deploy.build.uid, "1-2", "body", "Collecting flask", 2),
        (deploy.uid, "1-3", "head", "Release v1", 3),
    ]
    lines = [
        stored(app=deploy.app.uid, stream=s, id=i, kind=k, text=t, at=at + timedelta(seconds=n))
        for s, i, k, t, n in said
    ]
    drivers(settings.MINATO).telemetry.write([line for line in lines if line])


def over(deploy: Deploy, state: str = "live") -> None:
    Build.objects.update(state="failed")
    Deploy.objects.update(
        state=state,
        code="build:user:broken" if state == "failed" else "",
        message="It broke." if state == "failed" else "",
    )


def read(deploy: Deploy, after: str = "") -> list[tuple[str, str]]:
    async def all_of_it() -> list[tuple[str, str]]:
        return [(id_, fields["t"]) async for id_, fields in story.follow(deploy.uid, after=after)]

    return asyncio.run(all_of_it())


WHOLE = [
    ("1-1", "Receiving"),
    ("1-2~1-1", "Building"),
    ("1-2~1-2", "Collecting flask"),
    ("1-3", "Release v1"),
    ("1-4", "live"),
]


def test_the_build_is_told_where_the_deploy_names_it(deploy):
    tell(deploy)
    assert read(deploy) == WHOLE


@pytest.mark.parametrize("seen", range(1, len(WHOLE)))
def test_it_goes_on_after_any_entry(deploy, seen):
    tell(deploy)
    assert read(deploy, after=WHOLE[seen - 1][0]) == WHOLE[seen:]


def test_lines_come_as_they_happen(deploy):
    threading.Timer(0.3, tell, (deploy,)).start()
    began = time.monotonic()
    assert read(deploy) == WHOLE
    assert time.monotonic() - began < 1


def test_a_second_attempt_does_not_tell_the_build_twice(deploy):
    say(f"build:{deploy.build.uid}", ("1-1", "head", "Building"), ("1-2", "end", "succeeded"))
    say(
        f"deploy:{deploy.uid}",
        ("1-1", "build", deploy.build.uid),
        ("2-1", "warn", "worker lost"),
        ("2-2", "build", deploy.build.uid),
        ("2-3", "end", "live"),
    )
    over(deploy)
    assert [text for _, text in read(deploy)] == ["Building", "worker lost", "live"]


def test_a_story_that_redis_lost_is_told_from_the_store(deploy):
    keep(deploy)
    over(deploy)
    began = time.monotonic()
    assert [text for _, text in read(deploy)] == ["Receiving", "Building", "Collecting flask", "Release v1", "live"]
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize(
    "after, rest",
    [
        ("1-1", ["Building", "Collecting flask", "Release v1", "live"]),
        ("1-2~1-1", ["Collecting flask", "Release v1", "live"]),
        ("1-3", ["live"]),
        (story.LAST, ["live"]),
    ],
)
def test_the_store_goes_on_where_the_stream_stopped(deploy, after, rest):
    keep(deploy)
    over(deploy)
    assert [text for _, text in read(deploy, after=after)] == rest


def test_a_lost_redis_ends_with_the_row(deploy):
    keep(deploy)
    drivers(settings.MINATO).streams.down = True
    threading.Timer(0.5, over, (deploy, "failed")).start()

    async def last() -> dict[str, str]:
        return [fields async for _, fields in story.follow(deploy.uid)][-1]

    assert asyncio.run(last()) == {"k": "end", "t": "failed", "code": "build:user:broken", "message": "It broke."}


def test_redis_lost_in_the_middle_loses_no_line(deploy):
    say(f"deploy:{deploy.uid}", ("1-1", "head", "Receiving"), ("1-2", "build", deploy.build.uid))
    say(f"build:{deploy.build.uid}", ("1-1", "head", "Building"))
    keep(deploy)

    def flush() -> None:
        drivers(settings.MINATO).streams.streams.clear()
        over(deploy)

    threading.Timer(0.5, flush).start()
    assert [text for _, text in read(deploy)] == ["Receiving", "Building", "Collecting flask", "Release v1", "live"]


def test_nobody_s_deploy_has_no_story(deploy):
    async def none() -> list[object]:
        return [event async for event in story.follow("d_aaaaaaaaaa")]

    assert asyncio.run(none()) == []
