"""What each stage costs without the platform around it: the same programs, containers and images, started by hand."""

from __future__ import annotations

import http.client
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.place import Place, broken
from bench.pushes import REQUIREMENTS, files
from launch.stack.builder import machine_settings
from minato.build import containers, inputs, places
from minato.build.analyze import analyze
from minato.build.build import build
from minato.build.detect import detect
from minato.build.export import export
from minato.build.order import app_last
from minato.build.restore import restore
from minato.values.build import BuildPlan
from minato.values.engine import Container, Exec, Instance, Workload
from minato.values.ids import new_id
from minato.values.process import DEFAULT_SIZE, SIZES

ROLE = {"minato.role": "bench"}
PORT = "18000"  # inside a container: nobody else's
EVERY = 0.005
PATIENCE = 60.0


def tidy(place: Place) -> None:
    """Remove every service, container and volume of ours, also those of a run that was killed."""
    for service in place.engine.services({}):
        place.engine.remove(service.name)
    place.engine.remove_labelled({})
    for volume in place.engine.volumes({}):
        place.engine.remove_volume(volume)


class Lifecycle:
    """The five phases in two containers that are started once; each run is a build of a changed app."""

    def __init__(self, place: Place, stack: ExitStack) -> None:
        self.place, self.engine = place, place.engine
        app = new_id("a")
        self.plan = BuildPlan(
            build=new_id("b"),
            app=app,
            number=1,
            fence=1,
            source="0" * 64,
            commit="",
            stack=place.stack,
            repository=f"{place.config.registry}/apps/{app}",
            previous="",
        )
        self.names = places.Names(place.config.ns, self.plan)
        stack.callback(self._forget)
        self._start()
        self.phases("first")

    def _start(self) -> None:
        for volume in (*self.names.volumes, self.names.cache):
            self.engine.ensure_volume(volume, ROLE)
        for container in (containers.trusted, containers.untrusted):
            self.engine.start(_ours(container(self.plan, self.place.config)))
        self._run(self.names.trusted, inputs.unpack_platform(), inputs.platform_tar(self.plan))

    def _forget(self) -> None:
        for image in self.engine.images(self.plan.repository):
            self.engine.remove_image(image)
        self.place.registry.delete(self.plan.repository)

    def phases(self, word: str) -> dict[str, float]:
        """Build the app that says `word`; return the seconds of each phase and their sum under ""."""
        self._run(self.names.untrusted, Exec(argv=("find", places.APP, places.LAYERS, "-mindepth", "1", "-delete")))
        self._run(self.names.untrusted, inputs.unpack_source(), source_tar(word))
        wanted = {
            "analyze": (self.names.trusted, analyze(self.plan)),
            "detect": (self.names.untrusted, detect()),
            "restore": (self.names.trusted, restore()),
            "build": (self.names.untrusted, build()),
            "export": (self.names.trusted, export(self.plan)),
        }
        took = {name: self._run(container, command)[0] for name, (container, command) in wanted.items()}
        repository, registry = self.plan.repository, self.place.registry
        digest = app_last(repository, registry.digest(self.plan.tag), self.plan.tag, registry)
        self.plan = replace(self.plan, previous=f"{repository}@{digest}")
        return {**took, "": sum(took.values())}

    def pull(self) -> float:
        """Fetch the image that was just built; all but its changed layers are there. Return the seconds."""
        image = self.plan.previous
        before = self.engine.images(self.plan.repository)
        self.engine.remove_image(image)
        began = time.perf_counter()
        self.engine.pull(image)
        took = time.perf_counter() - began
        for old in before:
            if old != image:
                self.engine.remove_image(old)
        return took

    def _run(self, container: str, command: Exec, content: bytes | None = None) -> tuple[float, str]:
        heard: list[bytes] = []
        stdin = None if content is None else io.BytesIO(content)
        began = time.perf_counter()
        code = self.engine.exec(container, command, output=heard.append, stdin=stdin)
        took = time.perf_counter() - began
        said = b"".join(heard).decode(errors="replace")
        if code:
            raise broken(f"{command.argv[0]} ended with {code} by hand.", said)
        return took, said


def _ours(container: Container) -> Container:
    """Return the same container under labels that the platform does not know: it would remove it as a dead build's."""
    return replace(container, labels=ROLE)


def source_tar(word: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in files(word).items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text.encode()), 0o644
            tar.addfile(info, io.BytesIO(text.encode()))
    return packed.getvalue()


def service(place: Place, image: str) -> float:
    """Create one service of an image that is there; return the seconds until its web process answers."""
    workload = Workload(
        name=f"{place.ns}-{new_id('s')}",
        image=image,
        command=("/cnb/process/web",),
        env={"PORT": PORT},
        labels=ROLE,
        replicas=1,
        limits=SIZES[DEFAULT_SIZE],
    )
    began = time.perf_counter()
    place.engine.ensure(workload)
    try:
        _first_answer(place, until=began + PATIENCE)
        return time.perf_counter() - began
    finally:
        place.engine.remove(workload.name)
        _gone(place)


def _first_answer(place: Place, *, until: float) -> None:
    address = ""
    while time.perf_counter() < until:
        address = address or next((one.address for one in _instances(place) if one.state == "running"), "")
        if address and _answers(address):
            return
        time.sleep(EVERY)
    raise broken("A service that was created by hand did not answer.")


def _instances(place: Place) -> list[Instance]:
    return [one for one in place.engine.instances(ROLE) if one.name.startswith(f"{place.ns}-s_")]


def _answers(address: str) -> bool:
    web = http.client.HTTPConnection(address, int(PORT), timeout=1)
    try:
        web.request("GET", "/")
        return web.getresponse().status == 200
    except OSError:
        return False
    finally:
        web.close()


def _gone(place: Place) -> None:
    until = time.perf_counter() + PATIENCE
    while _instances(place) and time.perf_counter() < until:
        time.sleep(0.1)


def uv_install(folder: Path) -> float:
    """Install the app's requirements into an empty environment with an empty cache; return the seconds."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        here = Path(name)
        (here / "requirements.txt").write_text(REQUIREMENTS)
        uv = str(Path(sys.executable).with_name("uv"))
        env = {**os.environ, **machine_settings(), "UV_SYSTEM_CERTS": "1", "UV_CACHE_DIR": str(here / "cache")}
        _uv([uv, "venv", "--quiet", "--python", sys.executable, "--no-project", str(here / "venv")], here, env)
        began = time.perf_counter()
        _uv([uv, "pip", "install", "--python", str(here / "venv/bin/python"), "-r", "requirements.txt"], here, env)
        return time.perf_counter() - began


def _uv(argv: list[str], folder: Path, env: dict[str, str]) -> None:
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True)
    if done.returncode:
        raise broken(f"uv {argv[1]} failed.", done.stdout + done.stderr)
