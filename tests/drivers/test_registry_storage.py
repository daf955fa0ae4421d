"""A real docker-registry of the test's own: what is deleted leaves its disk, what another has stays whole."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from minato.drivers.registry.oci import OciRegistry
from minato.errors import PlatformError
from minato.values.ids import new_id
from tests.fixtures.own_registry import own_registry

CONFIG = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
HOUR = 3600.0


@pytest.fixture
def registry(config, tmp_path):
    with own_registry(config, tmp_path) as running:
        yield running


@pytest.fixture
def layers(tmp_path) -> list[Path]:
    """A base and two apps' own layers."""
    files = [tmp_path / name for name in ("base", "one", "two")]
    for file in files:
        file.write_bytes(gzip.compress(os.urandom(100_000), compresslevel=0, mtime=0))
    return files


def repository(registry) -> str:
    return f"{registry.host}/apps/{new_id('a')}"


def push(registry, name: str, *layers: Path) -> str:
    return registry.push(f"{name}:build-1-1", layers=list(layers), config={**CONFIG, "author": name})


def sha(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def on_disk(registry) -> set[str]:
    return {file.parent.name for file in registry.storage.blobs.glob("*/*/data")}


def pulled(registry, name: str) -> set[str]:
    """Pull an image as a node would, a client anew, and return the digests of all of it that came whole."""
    fresh = OciRegistry(registry.host)
    manifest = fresh.http.get(
        f"/v2/{name.partition('/')[2]}/manifests/build-1-1",
        headers={"Accept": "application/vnd.oci.image.manifest.v1+json"},
    )
    told = json.loads(manifest.content)
    whole = {hashlib.sha256(manifest.content).hexdigest()}
    for one in (told["config"], *told["layers"]):
        body = fresh.http.get(f"/v2/{name.partition('/')[2]}/blobs/{one['digest']}").content
        assert one["digest"] == f"sha256:{hashlib.sha256(body).hexdigest()}" and len(body) == one["size"]
        whole.add(one["digest"].removeprefix("sha256:"))
    fresh.http.close()
    return whole


def delete(registry, name: str) -> None:
    """Delete as the reaper does: again and again until nothing remains."""
    for _ in range(3):
        registry.delete(name)
        if not registry.remains(name):
            return
    pytest.fail("something remains")


def grow_old(registry) -> None:
    for data in registry.storage.blobs.glob("*/*/data"):
        os.utime(data, (time.time() - 2 * HOUR,) * 2)


def test_deleting_one_of_two_repositories_takes_what_only_it_has(registry, layers):
    base, one, two = layers
    mine, other = repository(registry), repository(registry)
    push(registry, mine, base, one)
    push(registry, other, base, two)  # the base is mounted over
    before, kept = pulled(registry, mine), pulled(registry, other)
    assert before & kept == {sha(base)}
    delete(registry, mine)
    assert on_disk(registry) == kept == pulled(registry, other)
    assert not (registry.storage.repositories / mine.partition("/")[2]).exists()
    assert registry.tags(mine) == []
    assert list(registry.storage.aside.iterdir()) == []


def test_a_layer_that_was_uploaded_twice_stays_for_the_other(registry, layers):
    base, one, two = layers
    mine, other = repository(registry), repository(registry)
    push(registry, mine, base, one)
    push(OciRegistry(registry.host), other, base, two)  # this client knows nowhere to mount it from
    delete(registry, mine)
    assert sha(base) in pulled(registry, other)


def test_images_below_a_repository_of_the_same_name_stay(registry, layers):
    mine = repository(registry)
    push(registry, mine, layers[1])
    push(registry, f"{mine}/below", layers[2])
    delete(registry, mine)
    assert sha(layers[2]) in pulled(registry, f"{mine}/below")


def test_what_was_deleted_can_be_pushed_again(registry, layers):
    mine = repository(registry)
    push(registry, mine, *layers)
    delete(registry, mine)
    assert on_disk(registry) == set()
    push(registry, mine, *layers)
    assert {sha(layer) for layer in layers} < pulled(registry, mine)


def test_an_image_that_was_deleted_by_the_api_alone_is_gone_with_its_repository(registry, layers):
    mine = repository(registry)
    push(registry, mine, *layers)
    OciRegistry(registry.host).delete(mine)
    assert registry.tags(mine) == [] and registry.remains(mine)
    delete(registry, mine)
    assert on_disk(registry) == set()


def test_a_blob_waits_aside_and_comes_back_when_a_push_links_to_it(registry, layers):
    mine, other = repository(registry), repository(registry)
    push(registry, mine, layers[0])
    registry.storage.hold = 60.0
    registry.delete(mine)
    assert on_disk(registry) == set() and registry.remains(mine)
    link = registry.storage.repositories / other.partition("/")[2] / "_layers/sha256" / sha(layers[0]) / "link"
    link.parent.mkdir(parents=True)  # a push that had found the blob just before it was moved
    link.write_text(f"sha256:{sha(layers[0])}")
    registry.storage.hold = 0.0
    registry.delete(mine)
    assert on_disk(registry) == {sha(layers[0])} and not registry.remains(mine)


def test_a_blob_that_comes_anew_while_the_old_one_waits_aside_is_kept(registry, layers):
    mine, other = repository(registry), repository(registry)
    push(registry, mine, layers[0])
    registry.storage.hold = 60.0
    registry.delete(mine)
    push(registry, other, layers[0])
    registry.storage.hold = 0.0
    delete(registry, mine)
    assert sha(layers[0]) in pulled(registry, other)


def test_the_sweep_takes_old_blobs_that_nothing_links_to(registry, layers):
    kept, lost = repository(registry), repository(registry)
    push(registry, kept, layers[0])
    push(registry, lost, layers[1])
    for link in (registry.storage.repositories / lost.partition("/")[2]).rglob("link"):
        link.unlink()  # a reaper died between links and blobs
    assert registry.sweep(older_than=HOUR) == 0, "a push may be about to link to them"
    grow_old(registry)
    assert registry.sweep(older_than=HOUR) == 3
    assert registry.sweep(older_than=HOUR) == 0
    assert on_disk(registry) == pulled(registry, kept)
    assert list(registry.storage.aside.iterdir()) == []


def test_of_old_images_goes_what_the_kept_ones_do_not_need(registry, layers):
    base, old, new = layers
    mine = repository(registry)
    registry.push(f"{mine}:build-0-1", layers=[base, old], config=CONFIG)
    kept = push(registry, mine, base, new)
    assert registry.keep(mine, {kept}) == 1
    registry.sweep(older_than=0.0)
    assert sha(old) in on_disk(registry), "young links stay: a push links to its layers first"
    for link in registry.storage.repositories.rglob("_layers/sha256/*/link"):
        os.utime(link, (time.time() - 2 * HOUR,) * 2)
    assert registry.keep(mine, {kept}) == 0
    registry.sweep(older_than=0.0)
    registry.sweep(older_than=0.0)
    assert on_disk(registry) == pulled(registry, mine)
    assert sha(base) in on_disk(registry) and sha(old) not in on_disk(registry)


def test_where_a_manifest_is_damaged_every_link_stays(registry, layers):
    mine = repository(registry)
    kept = push(registry, mine, layers[0])
    (registry.storage.blobs / kept[7:9] / kept[7:] / "data").unlink()
    assert registry.storage.unlink_unneeded(mine.partition("/")[2], older_than=0.0) == 0
    assert sha(layers[0]) in registry.storage.linked()


def test_a_path_that_leaves_the_storage_is_refused(registry):
    for path in ("apps/../../x", "apps//x", "apps/_layers", ".."):
        with pytest.raises(PlatformError):
            registry.storage.delete(path)


def test_there_may_be_no_storage_yet(config, tmp_path):
    from minato.drivers.registry.storage import RegistryStorage

    storage = RegistryStorage(tmp_path / "none")
    storage.delete("apps/a")
    assert not storage.remains("apps/a") and storage.sweep(older_than=0) == 0
