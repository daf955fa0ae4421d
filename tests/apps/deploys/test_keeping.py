"""Old images go; what runs, what one can go back to and what is still to be released stays."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.builds.models import Build
from apps.deploys import actions
from apps.deploys.models import Deploy
from apps.deploys.reconcile.keeping import images
from apps.releases.models import KEPT, Release
from minato.errors import PlatformError, UserError

pytestmark = pytest.mark.django_db


@pytest.fixture
def repository(world, shop):
    return f"{world.config.registry}/apps/{shop.uid}"


@pytest.fixture
def pushed(world, shop, repository):
    """Twelve releases of twelve builds with real manifests, all built two days ago."""
    registry = world.outside.registry
    world.live(shop)
    while Deploy.objects.filter(kind="push", live_at__isnull=False).count() < KEPT + 2:
        world.push_on(shop)
        world.work()
    for row in Build.objects.order_by("number"):
        digest = registry.push(f"{repository}:build-{row.number}-1", layers=[], config={"n": row.number})
        image = f"{repository}@{digest}"
        Build.objects.filter(pk=row.pk).update(image=image, finished=timezone.now() - timedelta(days=2))
        Release.objects.filter(build=row).update(image=image)
        world.engine.pull(image)
    world.reconcile(1)
    Deploy.objects.filter(state="draining").update(state="retired")
    for image in world.engine.images(repository):
        if not Release.objects.filter(image=image).exists():
            world.engine.remove_image(image)


def numbers(world, repository) -> list[int]:
    return sorted(int(tag.split("-")[1]) for tag in world.outside.registry.tags(repository))


def on_node(world, repository) -> list[int]:
    return sorted(Release.objects.filter(image__in=world.engine.images(repository)).values_list("number", flat=True))


def test_the_last_ten_releases_stay_in_the_registry_and_two_on_the_node(world, shop, repository, pushed):
    assert numbers(world, repository) == on_node(world, repository) == list(range(1, 13))
    for _ in range(2):
        images()
        assert numbers(world, repository) == list(range(3, 13))
        assert on_node(world, repository) == [11, 12]


def test_every_kept_release_can_come_back_and_an_older_one_says_why_not(world, shop, repository, pushed):
    images()
    for release in Release.objects.kept(shop):
        assert world.outside.registry.digest(release.image)
    with pytest.raises(UserError) as refused:
        actions.rollback(app=shop, release=Release.objects.get(number=2), viewer=world.viewer)
    assert refused.value.code == "deploy:user:too-old"
    deploy = actions.rollback(app=shop, release=Release.objects.get(number=3), viewer=world.viewer)
    images()  # nothing while it is under way
    assert numbers(world, repository) == list(range(3, 13))
    world.work()
    assert world.row(deploy).state == "live"
    images()
    assert 3 in numbers(world, repository) and deploy.release.image in world.engine.images(repository)


def test_a_build_without_a_release_goes_after_a_day(world, shop, repository, pushed):
    Release.objects.filter(number__in=(5, 6)).update(state="failed")
    Build.objects.filter(number=6).update(finished=timezone.now() - timedelta(hours=23))
    images()
    assert numbers(world, repository) == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12]


def test_what_still_drains_keeps_its_image(world, shop, repository, pushed):
    Deploy.objects.filter(release__number=1).update(state="draining")
    images()
    assert numbers(world, repository) == [1, *range(3, 13)]
    assert on_node(world, repository) == [1, 11, 12]


def test_an_image_that_a_container_stands_on_is_left_for_the_next_time(world, shop, repository, pushed, monkeypatch):
    def in_use(_image):
        raise PlatformError(code="engine:platform:conflict", message="container 1f3c is using its referenced image")

    with monkeypatch.context() as patch:
        patch.setattr(world.engine, "remove_image", in_use)
        images()
    assert on_node(world, repository) == list(range(1, 13))
    images()
    assert on_node(world, repository) == [11, 12]


def test_an_app_that_was_never_built_is_left_alone(world, shop, repository):
    world.outside.registry.push(f"{repository}:build-1-1", layers=[], config={})
    images()
    assert numbers(world, repository) == [1]
