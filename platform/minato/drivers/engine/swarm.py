"""The real engine: Docker in swarm mode, through its API on a Unix socket."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

from minato.drivers.engine import Output, hijack, specs, views
from minato.drivers.engine.client import Clients, ending, forgiving, translated
from minato.errors import PlatformError
from minato.values.engine import Container, Event, Exec, Instance, Service, Task, Workload

EVENTS = ["create", "start", "die", "oom", "destroy"]
TRIES = 20
WANTED = ("ready", "running")
REMEMBERED = 4096


class SwarmEngine:
    """Engine of `minato.drivers.engine`; safe to share between threads. Raises PlatformError `engine:platform:*`."""

    def __init__(self, socket: Path, ns: str) -> None:
        self.socket = socket
        self.ns = ns
        self.clients = Clients(socket)
        self._root = ""
        self._looks: OrderedDict[tuple[str, str], Mapping[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def api(self) -> Any:
        return self.clients.api

    # -- services -------------------------------------------------------------------------------------------------

    def ensure(self, workload: Workload) -> None:
        try:
            self.scale(workload.name, workload.replicas)
        except PlatformError as error:
            if error.code != "engine:platform:missing":
                raise
            self._create(workload)

    def _create(self, workload: Workload) -> None:
        try:
            with translated():
                self.api.create_service(**specs.service(workload, self.ns))
        except PlatformError as error:
            if error.code != "engine:platform:conflict":
                raise
            self.scale(workload.name, workload.replicas)

    def scale(self, name: str, replicas: int) -> None:
        """Swarm forgets to end a task that changed at the same moment, and looks again only at the next write."""
        for attempt in range(TRIES):

            def change(spec: dict[str, Any], again: bool = attempt > 0) -> bool:
                before, spec["Mode"] = spec["Mode"], specs.replicated(replicas)
                return again or bool(before != spec["Mode"])

            self._update(name, change)
            if self._ended(name, replicas):
                return

    def _ended(self, name: str, replicas: int) -> bool:
        """True as soon as no more than `replicas` tasks are wanted; false if that takes Swarm half a second."""
        until = time.monotonic() + 0.5
        while len({task.slot for task in self.tasks(name) if task.desired in WANTED}) > replicas:
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True

    def restart(self, name: str) -> None:
        def change(spec: dict[str, Any]) -> bool:
            spec["TaskTemplate"]["ForceUpdate"] = spec["TaskTemplate"].get("ForceUpdate", 0) + 1
            return True

        self._update(name, change)

    def _update(self, name: str, change: Callable[[dict[str, Any]], bool]) -> None:
        """Read, change, write a spec; again when somebody else wrote meanwhile ("update out of sequence")."""
        for attempt in range(TRIES):
            with translated():
                seen = self.api.inspect_service(name)
            spec = seen["Spec"]
            if not change(spec):
                return
            try:
                with translated():
                    self._write(seen["ID"], seen["Version"]["Index"], spec)
            except PlatformError as error:
                if "out of sequence" not in error.message or attempt == TRIES - 1:
                    raise
                time.sleep(0.05)
            else:
                return

    def _write(self, service: str, version: int, spec: Mapping[str, Any]) -> None:
        self.api.update_service(
            service,
            version,
            task_template=spec["TaskTemplate"],
            name=spec["Name"],
            labels=spec.get("Labels"),
            mode=spec["Mode"],
            endpoint_spec=spec.get("EndpointSpec"),
        )

    def remove(self, name: str) -> None:
        with forgiving("missing"), translated():
            self.api.remove_service(name)

    def services(self, labels: Mapping[str, str]) -> list[Service]:
        with translated():
            return [views.service(raw) for raw in self.api.services(filters=self._filters(labels))]

    def tasks(self, service: str) -> list[Task]:
        found: list[dict[str, Any]] = []
        with forgiving("missing"), translated():
            found = self.api.tasks(filters={"service": service})
        return [views.task(raw, service) for raw in sorted(found, key=lambda raw: str(raw["CreatedAt"]), reverse=True)]

    def _filters(self, labels: Mapping[str, str]) -> dict[str, list[str]]:
        return {"label": [f"{key}={value}" for key, value in {"minato.ns": self.ns, **labels}.items()]}

    # -- containers -----------------------------------------------------------------------------------------------

    def instances(self, labels: Mapping[str, str]) -> list[Instance]:
        with translated():
            listed = self.api.containers(all=True, filters=self._filters(labels))
        looked = ((item, self._look(item)) for item in listed)
        return [views.instance(item, seen, self._data_root()) for item, seen in looked if seen]

    def _look(self, item: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return what inspect says of state and address, None if the container vanished.

        The list may be older than that. A task's container never runs twice: for those one look per state is enough.
        """
        key = (str(item["Id"]), str(item["State"]))
        if key in self._looks:
            return self._looks[key]
        seen: Mapping[str, Any] | None = None
        with forgiving("missing"), translated():
            whole = self.api.inspect_container(item["Id"])
            seen = {"State": whole["State"], "NetworkSettings": whole["NetworkSettings"]}
        if seen and seen["State"]["Status"] == key[1] and views.TASK_NAME in item["Labels"]:
            self._remember(key, seen)
        return seen

    def _remember(self, key: tuple[str, str], seen: Mapping[str, Any]) -> None:
        with self._lock:
            self._looks[key] = seen
            while len(self._looks) > REMEMBERED:
                self._looks.popitem(last=False)

    def _data_root(self) -> str:
        if not self._root:
            self._root = str(self.info()["DockerRootDir"])
        return self._root

    def start(self, container: Container) -> str:
        found = self._adopt(container.name)
        if found:
            return found
        try:
            made = self._make(container)
        except PlatformError as error:
            if error.code != "engine:platform:missing":
                raise
            self.pull(container.image)
            made = self._make(container)
        with translated():
            self.api.start(made)
        return made

    def _adopt(self, name: str) -> str:
        """Return the id of a running container of this name; remove one that does not run."""
        with forgiving("missing"), translated():
            seen = self.api.inspect_container(name)
            if seen["State"]["Running"]:
                return str(seen["Id"])
            self.remove_container(name)
        return ""

    def _make(self, container: Container) -> str:
        with translated():
            made = self.api.create_container_from_config(specs.container(container, self.ns), container.name)
        return str(made["Id"])

    def exec(
        self,
        container: str,
        command: Exec,
        *,
        output: Output,
        stdin: BinaryIO | None = None,
        stop: Callable[[], bool] | None = None,
        deadline: float = 0.0,
    ) -> int:
        with translated():
            made = self.api.exec_create(
                container,
                list(command.argv),
                stdin=stdin is not None,
                environment=specs.pairs(command.env),
                user=command.user,
                workdir=command.workdir or None,
            )["Id"]
            run = hijack.Run(self.socket, made, over=lambda: not self._exec(made)["Running"])
            run.follow(output, stdin=stdin, stop=stop, deadline=deadline)
        return self._exit_code(made)

    def _exec(self, exec_id: str) -> Mapping[str, Any]:
        with translated():
            return dict(self.api.exec_inspect(exec_id))

    def _exit_code(self, exec_id: str) -> int:
        """The output's end comes a moment before the exit code."""
        for _ in range(100):
            code = self._exec(exec_id)["ExitCode"]
            if code is not None:
                return int(code)
            time.sleep(0.05)
        raise PlatformError(code="engine:platform:lost", message="A command ended without an exit code.")

    def wait(self, container: str, *, timeout: float) -> int | None:
        until = time.monotonic() + timeout
        while True:
            with translated():
                state = self.api.inspect_container(container)["State"]
            if state["Status"] in ("exited", "dead"):
                return int(state["ExitCode"])
            if time.monotonic() >= until:
                return None
            time.sleep(0.1)

    def output(self, container: str, *, tail: int = 50) -> list[str]:
        with translated():
            raw = self.api.logs(container, tail=tail)
        return list(raw.decode(errors="replace").splitlines())

    def follow(self, container: str) -> Iterator[bytes]:
        with translated(), closing(self.clients.open(None)) as api:
            yield from api.logs(container, stream=True, follow=True)

    def remove_container(self, container: str) -> None:
        until = time.monotonic() + 10
        while True:
            try:
                with translated():
                    self.api.remove_container(container, force=True, v=True)
            except PlatformError as error:
                if error.code == "engine:platform:missing":
                    return
                # Somebody else removes it already: it is gone when there is no such container.
                if error.code != "engine:platform:conflict" or time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def remove_labelled(self, labels: Mapping[str, str]) -> int:
        with translated():
            found = self.api.containers(all=True, filters=self._filters(labels))
        for item in found:
            self.remove_container(item["Id"])
        return len(found)

    # -- volumes and images ---------------------------------------------------------------------------------------

    def ensure_volume(self, name: str, labels: Mapping[str, str]) -> None:
        with translated():
            self.api.create_volume(name, labels={"minato.ns": self.ns, **labels})

    def volumes(self, labels: Mapping[str, str]) -> list[str]:
        with translated():
            found = self.api.volumes(filters=self._filters(labels))["Volumes"]
        return sorted(str(volume["Name"]) for volume in found or [])

    def remove_volume(self, name: str) -> None:
        with forgiving("missing"), translated():
            self.api.remove_volume(name, force=True)

    def pull(self, image: str) -> None:
        with forgiving("missing"), translated():
            self.api.inspect_image(image)
            return
        try:
            with translated(), closing(self.clients.open(300)) as api:
                said = list(api.pull(image, stream=True, decode=True))
        except PlatformError as error:
            if error.code == "engine:platform:away":
                raise
            raise unpulled(image, error.message) from error
        wrong = [line["error"] for line in said if "error" in line]
        if wrong:
            raise unpulled(image, wrong[0])

    def images(self, repository: str) -> list[str]:
        with translated():
            found = self.api.images()
        digests = {digest for image in found for digest in image.get("RepoDigests") or []}
        return sorted(digest for digest in digests if digest.startswith(f"{repository}@"))

    def remove_image(self, reference: str) -> None:
        with forgiving("missing"), translated():
            self.api.remove_image(reference)

    # -- what happens ---------------------------------------------------------------------------------------------

    def events(self, since: float) -> Iterator[Event]:
        wish = {"type": ["container"], "event": EVENTS, **self._filters({})}
        with closing(self.clients.open(None)) as api:
            with translated():
                stream = api.events(since=f"{since:.9f}", filters=wish, decode=True)
            with ending():
                for raw in stream:
                    yield views.event(raw)

    def info(self) -> Mapping[str, object]:
        with translated(), closing(self.clients.open(5)) as api:
            return dict(api.info())


NO_ANSWER = ("dial tcp", "connection refused", "connection reset", "EOF", "i/o timeout", "Client.Timeout")


def unpulled(image: str, why: str) -> PlatformError:
    """Return why an image was not fetched: the registry is away for now, or it has no such image."""
    if any(words in why for words in NO_ANSWER):
        return PlatformError(
            code="registry:platform:unreachable",
            message="The registry does not answer.",
            hint="It is started again by itself; running apps go on.",
            evidence=why,
        )
    return PlatformError(
        code="engine:platform:pull",
        message=f"The image {image} cannot be fetched.",
        hint="The registry must be running and must still hold it.",
        evidence=why,
    )
