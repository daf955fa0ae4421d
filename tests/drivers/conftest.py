"""The engine under test: the fake, or the one of the running test platform."""

from __future__ import annotations

import os

import pytest

from minato.drivers.engine.swarm import SwarmEngine
from minato.values.config import Config
from minato.values.ids import new_id
from tests.drivers import tiny
from tests.drivers.engines import World, fake_world


@pytest.fixture
def engine_config(request) -> Config:
    """The platform whose engine is used; `MINATO_ENGINE_UNDER_TEST=<ns>:<var>` names one that was started by hand."""
    ns, _, var = os.environ.get("MINATO_ENGINE_UNDER_TEST", "").partition(":")
    if var:
        return Config.from_env({"MINATO_NS": ns, "MINATO_VAR": var})
    return request.getfixturevalue("real")


@pytest.fixture
def real_world(engine_config):
    engine = SwarmEngine(engine_config.engine_socket, engine_config.ns)
    world = World(engine=engine, image=tiny.image(engine_config.engine_socket), app=new_id("a"), config=engine_config)
    yield world
    world.clean()


@pytest.fixture(params=["fake", pytest.param("swarm", marks=pytest.mark.engine)])
def world(request) -> World:
    return request.getfixturevalue("real_world") if request.param == "swarm" else fake_world(new_id("a"))
