"""One world per engine: what its containers run, said once for the real engine and taught to the fake."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from minato.drivers.engine import Engine
from minato.drivers.engine.fake import FakeEngine
from minato.drivers.engine.scripted import Answer, Exit
from minato.values.config import Config
from minato.values.engine import Container, Exec, Instance, Limits, Workload

T = TypeVar("T")
LIMITS = Limits(memory=128 << 20, cpu=1.0, pids=64)
PYTHON = ("/usr/bin/python3", "-ISu", "-c")
FOREVER = (*PYTHON, "import signal; signal.pause()")
TALKS = (*PYTHON, "print('one'); print('two'); print('three')")
FAILS = (*PYTHON, "import sys; print('oh no'); sys.exit(3)")
COUNTS = (*PYTHON, "import sys; print(len(sys.stdin.buffer.read()))")
DEAF = (*PYTHON, "import sys; sys.exit(4)")
FLOODS = (*PYTHON, "import os; [os.write(1, b'x' * 65536) for _ in range(64)]")
# Python for `ask`: a TLS connection to a host, with the certificates of this machine.
TLS = """
import socket, ssl
context = ssl.create_default_context(cafile="/etc/ssl/certs/ca-certificates.crt")
with socket.create_connection(({host!r}, 443), timeout=10) as raw:
    with context.wrap_socket(raw, server_hostname={host!r}) as secure:
        print("secure", secure.version())
"""
MISSING = "sha256:" + "0" * 64


@dataclass
class World:
    """An engine, an image that it has, and a name that nobody else uses."""

    engine: Engine
    image: str
    app: str
    config: Config | None = None

    def workload(self, command: tuple[str, ...] = FOREVER, *, replicas: int = 1, image: str = "", **more) -> Workload:
        return Workload(
            name=f"{self.app}-p_web-d1",
            image=image or self.image,
            command=command,
            env=more.pop("env", {}),
            labels={"minato.app": self.app, "minato.process": "p_web"},
            replicas=replicas,
            limits=more.pop("limits", LIMITS),
            stop_grace=1.0,
            **more,
        )

    def container(self, command: tuple[str, ...] = FOREVER, *, name: str = "one", **more) -> Container:
        return Container(
            name=f"{self.app}-{name}",
            image=more.pop("image", self.image),
            command=command,
            labels={"minato.app": self.app},
            limits=more.pop("limits", LIMITS),
            **more,
        )

    def labels(self) -> dict[str, str]:
        return {"minato.app": self.app}

    def running(self) -> list[Instance]:
        return [seen for seen in self.engine.instances(self.labels()) if seen.state == "running"]

    def until_running(self, count: int) -> list[Instance]:
        return eventually(lambda: found if len(found := self.running()) == count else None)

    def ask(self, container: str, code: str, *, user: str = "1002:1000") -> tuple[int, str]:
        """Run Python inside a container; return its exit code and what it printed."""
        heard: list[bytes] = []
        ended = self.engine.exec(container, Exec(argv=(*PYTHON, code), user=user), output=heard.append, deadline=30)
        return ended, b"".join(heard).decode()

    def clean(self) -> None:
        for service in self.engine.services(self.labels()):
            self.engine.remove(service.name)
        eventually(lambda: True if self.engine.remove_labelled(self.labels()) == 0 else None)
        for volume in self.engine.volumes(self.labels()):
            self.engine.remove_volume(volume)


def eventually(what: Callable[[], T | None], *, seconds: float = 20.0) -> T:
    """Return the first answer that is not None."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answer = what()
        if answer is not None:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds:.0f} s")


def fake_world(app: str) -> World:
    engine = FakeEngine()
    engine.exits(TALKS, Exit(output=b"one\ntwo\nthree\n"))
    engine.exits(FAILS, Exit(code=3, output=b"oh no\n"))
    engine.answer(TALKS, Answer(output=b"one\ntwo\nthree\n"))
    engine.answer(FAILS, Answer(output=b"oh no\n", code=3))
    engine.answer(COUNTS, Answer(run=lambda stdin, output: output(b"%d\n" % len(stdin)) or 0))
    engine.answer(DEAF, Answer(code=4))
    engine.answer(FLOODS, Answer(output=b"x" * (64 << 16)))
    engine.answer(FOREVER, Answer(hang=True))
    engine.reject(MISSING, f"No such image: {MISSING}")
    return World(engine=engine, image="registry/x@sha256:" + "1" * 64, app=app)
