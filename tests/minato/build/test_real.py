"""Builds on the running test platform: its engine, its registry, the real lifecycle."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from launch import images
from minato import build
from minato.build import containers, places
from minato.drivers.wiring import Drivers
from minato.errors import Cancelled, UserError
from minato.values.build import BuildPlan
from minato.values.engine import Exec
from minato.values.ids import new_id

pytestmark = pytest.mark.engine
FLASK = Path(__file__).resolve().parents[2] / "fixtures/apps/flask"
# Tries to connect to the registry; exit code 0 is a way through.
REACH = "import socket, sys; sys.exit(socket.socket().connect_ex(({host!r}, {port})))"


class Shipyard:
    """The real drivers, and the apps that a test has built."""

    def __init__(self, config) -> None:
        self.config = config
        self.drivers = Drivers(config)
        self.stack = images.ensure(config, self.drivers.registry, lambda line: None)
        self.said: list[str] = []
        self.plans: list[BuildPlan] = []

    def plan(self, files: dict[str, str], *, app: str = "", previous: str = "", **more) -> BuildPlan:
        packed = self.drivers.blobs.scratch()
        with tarfile.open(packed, "w") as tar:
            for name, text in sorted(files.items()):
                info = tarfile.TarInfo(name)
                info.size = len(text.encode())
                tar.addfile(info, io.BytesIO(text.encode()))
        app = app or new_id("a")
        made = BuildPlan(
            build=new_id("b"),
            app=app,
            number=len(self.plans) + 1,
            fence=1,
            source=self.drivers.blobs.put(packed),
            commit="a" * 40,
            stack=self.stack,
            repository=f"{self.config.registry}/apps/{app}",
            previous=previous,
            **more,
        )
        self.plans.append(made)
        return made

    def build(self, plan: BuildPlan, stop=lambda: False):
        return build.run(
            plan,
            engine=self.drivers.engine,
            registry=self.drivers.registry,
            blobs=self.drivers.blobs,
            config=self.config,
            say=lambda kind, text: self.said.append(text),
            phase=lambda phase: None,
            stop=stop,
        )

    def left(self, plan: BuildPlan) -> tuple[int, list[str]]:
        of_build = {"minato.build": plan.build}
        return len(self.drivers.engine.instances(of_build)), self.drivers.engine.volumes(of_build)

    def leave(self) -> None:
        tools = {"engine": self.drivers.engine, "registry": self.drivers.registry, "config": self.config}
        for plan in self.plans:
            build.cleanup(build=plan.build, engine=self.drivers.engine, config=self.config)
            build.forget(app=plan.app, repository=plan.repository, **tools)
            self.drivers.blobs.remove(plan.source)


@pytest.fixture
def yard(real):
    made = Shipyard(real)
    yield made
    made.leave()


def flask(text: str = "hello") -> dict[str, str]:
    files = {path.name: path.read_text() for path in FLASK.iterdir() if path.is_file()}
    return {**files, "app.py": files["app.py"].replace("hello from the fixture", text)}


def test_a_flask_app_becomes_an_image_and_the_next_one_takes_its_layers_over(yard):
    first_plan = yard.plan(flask())
    first = yard.build(first_plan)
    assert first.processes["web"] == "gunicorn app:app"
    assert yard.drivers.registry.digest(first.image) == first.digest
    second = yard.build(yard.plan(flask("changed"), app=first_plan.app, previous=first.image))
    assert second.digest != first.digest
    assert any("Requirements unchanged" in line for line in yard.said)
    assert second.reused_layers >= 3
    assert yard.left(first_plan) == (0, [])


def test_two_clean_builds_of_one_source_have_one_digest(yard):
    assert yard.build(yard.plan(flask())).digest == yard.build(yard.plan(flask())).digest


def test_an_app_without_a_procfile_gets_a_server(yard):
    app = "from flask import Flask\napp = Flask(__name__)\n"
    done = yard.build(yard.plan({"app.py": app, "requirements.txt": "flask\n"}))
    assert done.processes == {"web": "gunicorn app:app"}


def test_a_source_that_nobody_recognises_is_told_what_was_looked_for(yard):
    with pytest.raises(UserError) as caught:
        yard.build(yard.plan({"README.md": "hi"}))
    assert caught.value.code == "build:user:no-buildpack"
    assert "requirements.txt" in caught.value.evidence
    assert "README.md" in caught.value.evidence


def test_a_package_that_does_not_exist_is_named(yard):
    with pytest.raises(UserError) as caught:
        yard.build(yard.plan({"requirements.txt": "flask==99.1\n", "app.py": ""}))
    assert caught.value.code == "build:user:failed"
    assert "flask==99.1" in caught.value.hint


def test_a_cancelled_build_is_gone_when_it_says_so(yard):
    setup = "import time\ntime.sleep(600)\n"
    plan = yard.plan({"requirements.txt": "./pkg\n", "pkg/setup.py": setup, "app.py": ""})
    with pytest.raises(Cancelled):
        yard.build(plan, stop=lambda: any("Installing" in line for line in yard.said))
    assert yard.left(plan) == (0, [])


def test_a_build_script_reaches_neither_the_registry_nor_the_platforms_folder(yard):
    plan = yard.plan({"app.py": ""})
    engine = yard.drivers.engine
    names = places.Names(yard.config.ns, plan)
    for volume in names.volumes:
        engine.ensure_volume(volume, names.labels)
    engine.start(containers.untrusted(plan, yard.config))

    def code(argv: tuple[str, ...], container: str = names.untrusted) -> int:
        return engine.exec(container, Exec(argv=argv), output=lambda data: None)

    for host in ("127.0.0.1", yard.config.builds_gateway, yard.config.apps_gateway):
        assert code(("timeout", "5", "python3", "-c", REACH.format(host=host, port=yard.config.ports.registry))) != 0
    assert code(("touch", f"{places.PLATFORM}/forged")) != 0
    assert code(("touch", "/usr/bin/forged")) != 0
    assert code(("ls", "/var/run/docker.sock")) != 0
    assert code(("touch", f"{places.LAYERS}/own")) == 0
    engine.start(containers.trusted(plan, yard.config))
    reach = REACH.format(host="127.0.0.1", port=yard.config.ports.registry)
    assert code(("python3", "-c", reach), names.trusted) == 0
    assert code(("timeout", "5", "python3", "-c", REACH.format(host="192.0.2.1", port=80)), names.trusted) != 0
