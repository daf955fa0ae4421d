"""One contract, three registries: in memory, one of the test's own, and the one of the running test platform."""

from __future__ import annotations

import gzip
import hashlib
import os

import pytest

from minato.drivers.registry.fake import FakeRegistry
from minato.drivers.registry.names import parse
from minato.drivers.registry.oci import OciRegistry
from minato.errors import PlatformError
from minato.values.ids import new_id
from tests.fixtures.own_registry import own_registry

CONFIG = {
    "architecture": "amd64",
    "os": "linux",
    "config": {"Labels": {"a": "b"}},
    "rootfs": {"type": "layers", "diff_ids": []},
}


@pytest.fixture(params=["fake", "own", pytest.param("oci", marks=pytest.mark.engine)])
def registry(request, config, tmp_path):
    if request.param == "fake":
        yield FakeRegistry()
    elif request.param == "own":
        with own_registry(config, tmp_path / "own") as running:
            yield running
    else:
        yield OciRegistry(os.environ.get("MINATO_REGISTRY_UNDER_TEST") or request.getfixturevalue("real").registry)


@pytest.fixture
def repository(registry):
    name = f"{getattr(registry, 'host', '127.0.0.1:5000')}/apps/{new_id('a')}"
    yield name
    registry.delete(name)


@pytest.fixture
def layer(tmp_path):
    file = tmp_path / "layer.tar.gz"
    file.write_bytes(gzip.compress(os.urandom(3 << 20), compresslevel=0, mtime=0))
    return file


def test_an_image_comes_back_as_it_was_written(registry, repository, layer):
    digest = registry.push(f"{repository}:one", layers=[layer], config=CONFIG, annotations={"x": "y"})
    assert registry.digest(f"{repository}:one") == registry.digest(f"{repository}@{digest}") == digest
    assert registry.config(f"{repository}:one") == CONFIG
    manifest = registry.manifest(f"{repository}@{digest}")
    sha256 = hashlib.sha256(layer.read_bytes()).hexdigest()
    assert [(one["digest"], one["size"]) for one in manifest["layers"]] == [(f"sha256:{sha256}", layer.stat().st_size)]
    assert manifest["annotations"] == {"x": "y"}


def test_the_same_image_has_the_same_digest(registry, repository, layer):
    first = registry.push(f"{repository}:one", layers=[layer], config=CONFIG)
    assert registry.push(f"{repository}:two", layers=[layer], config=CONFIG) == first


def test_a_layer_that_is_there_is_named_by_its_digest(registry, repository, layer):
    registry.push(f"{repository}:one", layers=[layer], config=CONFIG)
    digest = registry.manifest(f"{repository}:one")["layers"][0]["digest"]
    registry.push(f"{repository}:two", layers=[digest], config=CONFIG)
    assert registry.digest(f"{repository}:two") == registry.digest(f"{repository}:one")


def test_a_layer_that_is_not_there_is_refused(registry, repository):
    with pytest.raises(PlatformError) as caught:
        registry.push(f"{repository}:one", layers=["sha256:" + "0" * 64], config=CONFIG)
    assert caught.value.code == "registry:platform:no-layer"


def test_a_second_repository_takes_the_layer_over(registry, repository, layer):
    other = f"{repository}-b"
    first = registry.push(f"{repository}:one", layers=[layer], config=CONFIG)
    assert registry.push(f"{other}:one", layers=[layer], config=CONFIG) == first
    registry.delete(other)


def test_what_is_not_there_has_no_digest_and_no_manifest(registry, repository):
    assert registry.digest(f"{repository}:none") == ""
    assert registry.tags(repository) == []
    with pytest.raises(PlatformError) as caught:
        registry.manifest(f"{repository}:none")
    assert caught.value.code == "registry:platform:missing"


def test_a_tag_moves_and_the_digest_stays(registry, repository, layer):
    first = registry.push(f"{repository}:one", layers=[layer], config=CONFIG)
    second = registry.push(f"{repository}:two", layers=[layer], config={**CONFIG, "os": "plan9"})
    registry.tag(f"{repository}@{first}", "live")
    registry.tag(f"{repository}@{second}", "live")
    assert registry.digest(f"{repository}:live") == second
    assert registry.digest(f"{repository}@{first}") == first
    assert registry.tags(repository) == ["live", "one", "two"]


def test_a_deleted_repository_has_no_manifest_and_no_tag(registry, repository, layer):
    digest = registry.push(f"{repository}:one", layers=[layer], config=CONFIG)
    registry.push(f"{repository}:two", layers=[layer], config={**CONFIG, "os": "plan9"})
    registry.delete(repository)
    registry.delete(repository)
    assert registry.digest(f"{repository}@{digest}") == ""
    assert registry.tags(repository) == []


def test_a_dropped_image_is_gone_and_another_with_its_layer_stays(registry, repository, layer):
    gone = registry.push(f"{repository}:one", layers=[layer], config=CONFIG)
    kept = registry.push(f"{repository}:one", layers=[layer], config={**CONFIG, "os": "plan9"})
    registry.drop(f"{repository}@{gone}")
    registry.drop(f"{repository}@{gone}")
    assert registry.digest(f"{repository}@{gone}") == ""
    assert registry.digest(f"{repository}:one") == kept
    assert registry.push(f"{repository}:one", layers=[layer], config=CONFIG) == gone


def test_of_the_images_of_a_repository_only_those_that_are_named_are_kept(registry, repository, layer):
    kept = registry.push(f"{repository}:one", layers=[layer], config=CONFIG)
    gone = registry.push(f"{repository}:two", layers=[layer], config={**CONFIG, "os": "plan9"})
    registry.tag(f"{repository}@{gone}", "three")
    assert registry.keep(repository, {kept, "sha256:" + "0" * 64}) == 1
    assert registry.keep(repository, {kept}) == 0
    assert registry.tags(repository) == ["one"]
    assert registry.digest(f"{repository}@{gone}") == ""
    assert registry.config(f"{repository}@{kept}") == CONFIG


def test_a_registry_that_is_away_is_the_platforms_fault():
    with pytest.raises(PlatformError) as caught:
        OciRegistry("127.0.0.1:1").digest("127.0.0.1:1/a:b")
    assert caught.value.code == "registry:platform:unreachable"


@pytest.mark.parametrize("odd", ["nohost", "h/UPPER", "h/../x", "h/a:tag\n", "h/a@sha256:zz", "h/a b", ""])
def test_a_name_that_is_no_reference_is_refused(odd):
    with pytest.raises(PlatformError):
        parse(odd)
