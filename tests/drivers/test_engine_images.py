"""Pulling by digest from the platform's registry: only the real engine and a real registry can show it."""

from __future__ import annotations

from contextlib import closing

import docker
import pytest

from minato.errors import PlatformError

pytestmark = pytest.mark.engine


@pytest.fixture
def pushed(real_world):
    """A reference by digest that the registry holds and this engine does not."""
    config = real_world.config
    repository = f"{config.registry}/tests/{real_world.app}"
    with closing(docker.APIClient(base_url=f"unix://{config.engine_socket}", version="1.41")) as api:
        api.tag(real_world.image, repository, "one")
        said = list(api.push(repository, "one", stream=True, decode=True))
        digest = next(line["aux"]["Digest"] for line in said if "aux" in line)
        api.remove_image(f"{repository}:one")
    return f"{repository}@{digest}"


def test_an_image_is_pulled_by_digest_listed_and_removed(real_world, pushed):
    repository = pushed.partition("@")[0]

    real_world.engine.pull(pushed)
    real_world.engine.pull(pushed)
    assert real_world.engine.images(repository) == [pushed]

    real_world.engine.remove_image(pushed)
    real_world.engine.remove_image(pushed)
    assert real_world.engine.images(repository) == []


def test_a_service_and_a_container_pull_what_they_need(real_world, pushed):
    real_world.engine.start(real_world.container(image=pushed))
    real_world.until_running(1)
    real_world.engine.remove_labelled(real_world.labels())
    real_world.engine.remove_image(pushed)

    real_world.engine.ensure(real_world.workload(image=pushed))

    assert real_world.until_running(1)


def test_an_image_that_the_registry_does_not_hold_cannot_be_pulled(real_world, pushed):
    missing = pushed[:-4] + "0000"

    for wish in (real_world.engine.pull, lambda image: real_world.engine.start(real_world.container(image=image))):
        with pytest.raises(PlatformError) as caught:
            wish(missing)
        assert caught.value.code == "engine:platform:pull"
        assert caught.value.evidence
