"""An engine in memory: the same promises as Swarm's, and knobs that tests turn."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from minato.drivers.engine import Output
from minato.drivers.engine.scripted import Answer, Body, Exit, Held, Storage, has, longest, missing, now, rfc3339
from minato.errors import Cancelled, PlatformError
from minato.values.engine import Container, Event, Exec, Instance, Service, Task, Workload

TICK = 0.02


class FakeEngine(Storage):
    """Engine of `minato.drivers.engine` without an engine.

    Containers run as soon as they are started and never end by themselves. Knobs:

    * `answer(("prefix", …), Answer(…))`: what `exec` does for commands that begin so; the longest prefix wins,
      without one it is silent and returns 0. `ran` lists what was executed: container id, command, stdin.
    * `exits(("prefix", …), Exit(…))`: what the process of a container or workload whose command begins so does.
    * `reject(image, error)`: tasks with this image are `rejected` with that text. `unpullable`: images that `pull`
      and `start` do not find.
    * `end(container, code, oom=False)`: a container ends now; Swarm's or an always-restarting one is replaced.
    * `write(container, data)`: a container logs; with `log_root` set also into its json-file at `log_path`.
    * `go_away()`, `come_back()`: every call raises `engine:platform:away`, event streams end. Containers stay.
    """

    def __init__(self, ns: str = "fake", log_root: Path | None = None) -> None:
        super().__init__(ns)
        self.log_root = log_root
        self.ran: list[tuple[str, Exec, bytes]] = []
        self.bodies: dict[str, Body] = {}
        self._held: dict[str, Held] = {}
        self._answers: dict[tuple[str, ...], Answer] = {}
        self._exits: dict[tuple[str, ...], Exit] = {}
        self._rejected: dict[str, str] = {}
        self._events: list[Event] = []
        self._number = itertools.count(1)
        self._changed = threading.Condition(threading.RLock())

    # -- knobs ----------------------------------------------------------------------------------------------------

    def answer(self, prefix: Sequence[str], answer: Answer) -> None:
        self._answers[tuple(prefix)] = answer

    def exits(self, prefix: Sequence[str], how: Exit) -> None:
        self._exits[tuple(prefix)] = how

    def reject(self, image: str, error: str) -> None:
        self._rejected[image] = error

    def go_away(self) -> None:
        self.is_away = True
        self._tell()

    def come_back(self) -> None:
        self.is_away = False

    def write(self, container: str, data: bytes) -> None:
        body = self._body(container)
        body.output += data
        if body.seen.log_path:
            lines = [
                {"log": line.decode(errors="replace"), "stream": "stdout", "time": rfc3339(now())}
                for line in data.splitlines(keepends=True)
            ]
            with Path(body.seen.log_path).open("a") as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)
        self._tell()

    def end(self, container: str, code: int, *, oom: bool = False) -> None:
        """End a container; the engine starts the next one of its service, or the same one if it restarts always."""
        body = self._die(container, code, oom=oom)
        held = self._held.get(body.seen.labels.get("com.docker.swarm.service.name", ""))
        if held:
            self._converge(held)
        elif body.restart:
            self._begin(body)

    # -- services -------------------------------------------------------------------------------------------------

    def ensure(self, workload: Workload) -> None:
        self._present()
        if workload.name in self._held:
            self.scale(workload.name, workload.replicas)
            return
        labels = {"minato.ns": self.ns, **workload.labels}
        held = self._held[workload.name] = Held(workload=replace(workload, labels=labels))
        self._converge(held)

    def scale(self, name: str, replicas: int) -> None:
        held = self._service(name)
        held.workload = replace(held.workload, replicas=replicas)
        self._converge(held)

    def restart(self, name: str) -> None:
        held = self._service(name)
        for task in [task for task in held.tasks if task.state == "running"]:
            self._die(task.container, 143)
        self._converge(held)

    def remove(self, name: str) -> None:
        self._present()
        held = self._held.pop(name, None)
        for task in held.tasks if held else []:
            self.remove_container(task.container)

    def services(self, labels: Mapping[str, str]) -> list[Service]:
        self._present()
        shown = [held.workload for held in self._held.values() if has(held.workload.labels, labels)]
        return [Service(name=one.name, labels=one.labels, replicas=one.replicas, image=one.image) for one in shown]

    def tasks(self, service: str) -> list[Task]:
        self._present()
        held = self._held.get(service)
        return list(held.tasks) if held else []

    def _service(self, name: str) -> Held:
        self._present()
        if name not in self._held:
            raise missing(f"service {name} not found")
        return self._held[name]

    def _converge(self, held: Held) -> None:
        """Start and end tasks until there are as many as wanted."""
        wanted = set(range(1, held.workload.replicas + 1))
        running = {task.slot: task for task in held.tasks if task.state == "running"}
        for slot in set(running) - wanted:
            self.remove_container(running[slot].container)
        for slot in sorted(wanted - set(running)):
            self._run_task(held, slot)

    def _run_task(self, held: Held, slot: int) -> None:
        workload = held.workload
        error = self._rejected.get(workload.image)
        if error is not None:
            held.tasks.insert(0, self._task(workload, slot, "rejected", error=error))
            return
        how = self._how(workload.command)
        for _ in range(how.times if how else 1):
            task = self._task(workload, slot, "running")
            named = f"{workload.name}.{slot}.{task.id}"
            labels = {
                **workload.labels,
                "com.docker.swarm.service.name": workload.name,
                "com.docker.swarm.task.name": named,
            }
            body = self._new(named, labels, workload.command, slot)
            held.tasks.insert(0, replace(task, container=body.seen.container))
            self._begin(body)

    def _task(self, workload: Workload, slot: int, state: str, *, error: str = "") -> Task:
        number = f"t{next(self._number):09}"
        desired = "running" if state == "running" else "shutdown"
        return Task(id=number, service=workload.name, slot=slot, state=state, desired=desired, error=error)

    # -- containers -----------------------------------------------------------------------------------------------

    def instances(self, labels: Mapping[str, str]) -> list[Instance]:
        self._present()
        return [body.seen for body in self.bodies.values() if has(body.seen.labels, labels)]

    def start(self, container: Container) -> str:
        self._present()
        for body in list(self.bodies.values()):
            if body.seen.name == container.name:
                if body.seen.state == "running":
                    return body.seen.container
                self.remove_container(body.seen.container)
        self.pull(container.image)
        body = self._new(container.name, {"minato.ns": self.ns, **container.labels}, container.command, 0)
        body.restart = container.restart
        self._begin(body)
        return body.seen.container

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
        body = self._body(container)
        if body.seen.state != "running":
            raise PlatformError(code="engine:platform:conflict", message=f"Container {container} is not running")
        given = stdin.read() if stdin else b""
        self.ran.append((body.seen.container, command, given))
        how = longest(self._answers, command.argv) or Answer()
        if how.run:
            return how.run(given, output)
        if how.output:
            output(how.output)
        if how.hang:
            return self._hang(body, stop, time.monotonic() + deadline if deadline else 0.0)
        return how.code

    def _hang(self, body: Body, stop: Callable[[], bool] | None, until: float) -> int:
        while body.seen.container in self.bodies and body.seen.state == "running":
            if stop and stop():
                raise Cancelled
            if until and time.monotonic() > until:
                raise PlatformError(code="engine:platform:deadline", message="A command took longer than it may.")
            time.sleep(TICK)
        return 137

    def wait(self, container: str, *, timeout: float) -> int | None:
        until = time.monotonic() + timeout
        with self._changed:
            while (code := self._body(container).seen.exit_code) is None and time.monotonic() < until:
                self._changed.wait(min(TICK, timeout))
        return code

    def output(self, container: str, *, tail: int = 50) -> list[str]:
        lines = self._body(container).output.decode(errors="replace").splitlines()
        return lines[-tail:] if tail else []

    def follow(self, container: str) -> Iterator[bytes]:
        body = self._body(container)
        shown = 0
        while True:
            ended = body.seen.state != "running" or body.seen.container not in self.bodies
            if piece := body.output[shown:]:
                shown += len(piece)
                yield piece
            if ended or self.is_away:
                return
            with self._changed:
                self._changed.wait(TICK)

    def remove_container(self, container: str) -> None:
        self._present()
        body = self._find(container)
        if not body:
            return
        if body.seen.state == "running":
            self._die(container, 137)
        del self.bodies[body.seen.container]
        self._happen("destroy", body)

    def remove_labelled(self, labels: Mapping[str, str]) -> int:
        found = self.instances(labels)
        for instance in found:
            self.remove_container(instance.container)
        return len(found)

    def _new(self, name: str, labels: Mapping[str, str], command: tuple[str, ...], slot: int) -> Body:
        number = next(self._number)
        key = f"{number:064x}"
        path = f"{self.log_root}/{key}-json.log" if self.log_root else ""
        seen = Instance(
            container=key,
            name=name,
            labels=dict(labels),
            state="created",
            address=f"10.0.{number // 250 % 250}.{number % 250 + 2}",
            log_path=path,
            ordinal=slot,
        )
        body = self.bodies[key] = Body(seen=seen, command=command)
        self._happen("create", body)
        return body

    def _begin(self, body: Body) -> None:
        """Start a container's process, and let it do what `exits` says of its command."""
        body.seen = replace(body.seen, state="running", exit_code=None, started_at=now(), finished_at=None)
        self._happen("start", body)
        how = self._how(body.command)
        if not how:
            return
        if how.output:
            self.write(body.seen.container, how.output)
        self._die(body.seen.container, how.code, oom=how.oom)

    def _die(self, container: str, code: int, *, oom: bool = False) -> Body:
        body = self._body(container)
        body.seen = replace(body.seen, state="exited", exit_code=code, oom=oom, address="", finished_at=now())
        if oom:
            self._happen("oom", body)
        self._happen("die", body, code)
        self._end_task(body, code)
        return body

    def _end_task(self, body: Body, code: int) -> None:
        held = self._held.get(body.seen.labels.get("com.docker.swarm.service.name", ""))
        for place, task in enumerate(held.tasks if held else []):
            if held and task.container == body.seen.container:
                state = "failed" if code else "complete"
                error = f"task: non-zero exit ({code})" if code else ""
                held.tasks[place] = replace(task, state=state, desired="shutdown", error=error, exit_code=code)

    def _how(self, command: tuple[str, ...]) -> Exit | None:
        return longest(self._exits, command)

    def _find(self, container: str) -> Body | None:
        return next((b for b in self.bodies.values() if container in (b.seen.container, b.seen.name)), None)

    def _body(self, container: str) -> Body:
        self._present()
        body = self._find(container)
        if not body:
            raise missing(f"No such container: {container}")
        return body

    # -- what happens ---------------------------------------------------------------------------------------------

    def events(self, since: float) -> Iterator[Event]:
        self._present()
        shown = 0
        while True:
            fresh, shown = self._events[shown:], len(self._events)
            yield from (event for event in fresh if event.at.timestamp() >= since)
            if self.is_away:
                return
            with self._changed:
                self._changed.wait(TICK)

    def info(self) -> Mapping[str, object]:
        self._present()
        running = sum(body.seen.state == "running" for body in self.bodies.values())
        return {"ID": "fake", "ContainersRunning": running, "Swarm": {"LocalNodeState": "active"}}

    def _happen(self, action: str, body: Body, code: int | None = None) -> None:
        seen = body.seen
        event = Event(action=action, container=seen.container, labels=seen.labels, at=now(), exit_code=code)
        self._events.append(event)
        self._tell()

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()
