"""The app's layers end on top of the image, and nothing else changes."""

from __future__ import annotations

import json

import pytest

from minato.build.order import LIFECYCLE_LABEL, app_last, positions, rearranged
from minato.drivers.registry.fake import FakeRegistry

REPOSITORY = "127.0.0.1:5000/apps/a_aaaaaaaaaa"
TAG = f"{REPOSITORY}:build-1-1"
NAMES = ("base", "venv", "app1", "app2", "launcher", "config")


def config(*names: str) -> dict:
    labels = {LIFECYCLE_LABEL: json.dumps({"app": [{"sha": "app1"}, {"sha": "app2"}]}), "kept": "as it is"}
    history = [{"created_by": name} for name in names]
    rootfs = {"type": "layers", "diff_ids": list(names)}
    return {"os": "linux", "config": {"Labels": labels, "User": "1002"}, "history": history, "rootfs": rootfs}


def test_the_apps_layers_come_last_and_all_others_keep_their_order():
    assert positions(config(*NAMES)) == [0, 1, 4, 5, 2, 3]


@pytest.mark.parametrize("odd", [{"config": {}}, {"config": {"Labels": None}}, {"config": {}, "rootfs": {}}])
def test_an_image_that_no_lifecycle_made_stays_as_it_is(odd):
    assert positions(odd) == []


def test_history_goes_with_its_layers_and_the_rest_stays():
    before = config(*NAMES)
    after = rearranged(before, [0, 1, 4, 5, 2, 3])
    assert after == config("base", "venv", "launcher", "config", "app1", "app2")
    assert before == config(*NAMES)


def test_a_history_of_another_length_is_left_alone():
    before = {**config(*NAMES), "history": [{"created_by": "one"}]}
    assert rearranged(before, [0, 1, 4, 5, 2, 3])["history"] == [{"created_by": "one"}]


def exported(registry: FakeRegistry, *names: str) -> str:
    """Write what an exporter would; a layer's digest is its name here."""
    for name in names:
        registry.blobs["apps/a_aaaaaaaaaa", name] = name.encode()
    return registry.push(TAG, layers=list(names), config=config(*names))


def test_the_image_is_written_anew_under_its_tag_and_the_exporters_goes():
    registry = FakeRegistry()
    before = exported(registry, *NAMES)
    after = app_last(REPOSITORY, before, TAG, registry)
    assert registry.digest(TAG) == after != before
    assert registry.digest(f"{REPOSITORY}@{before}") == ""
    layers = [layer["digest"] for layer in registry.manifest(TAG)["layers"]]
    assert (
        layers == registry.config(TAG)["rootfs"]["diff_ids"] == ["base", "venv", "launcher", "config", "app1", "app2"]
    )


def test_an_image_with_the_app_on_top_keeps_its_digest():
    registry = FakeRegistry()
    before = exported(registry, "base", "launcher", "app1", "app2")
    assert app_last(REPOSITORY, before, TAG, registry) == registry.digest(TAG) == before


def test_one_source_has_one_digest_however_often_it_is_built():
    registry = FakeRegistry()
    once = app_last(REPOSITORY, exported(registry, *NAMES), TAG, registry)
    assert app_last(REPOSITORY, exported(registry, *NAMES), TAG, registry) == once
