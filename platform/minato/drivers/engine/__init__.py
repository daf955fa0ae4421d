"""The engine: Docker in swarm mode (`swarm.py`), and a fake in memory (`fake.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, Protocol

from minato.values.engine import Container, Event, Exec, Instance, Service, Task, Workload

Output = Callable[[bytes], None]


class Engine(Protocol):
    """Every method is idempotent where it can be; names are generated ids. Raises PlatformError `engine:platform:*`."""

    # services: one per process type and deploy
    def ensure(self, workload: Workload) -> None:
        """Create the service, or bring an existing one's replicas to the workload's; nothing else is ever updated."""

    def scale(self, name: str, replicas: int) -> None: ...

    def restart(self, name: str) -> None:
        """Force new tasks of the same spec."""

    def remove(self, name: str) -> None:
        """Remove a service; no error if it is gone."""

    def services(self, labels: Mapping[str, str]) -> list[Service]: ...

    def tasks(self, service: str) -> list[Task]:
        """Return the tasks that Swarm still keeps, newest first."""

    # containers
    def instances(self, labels: Mapping[str, str]) -> list[Instance]:
        """Return all containers with these labels, running or not, with bridge address and log path."""

    def start(self, container: Container) -> str:
        """Create and start; return the container's id. An existing one of that name is adopted if it runs."""

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
        """Run a command in a container: stdout and stderr to `output` as they come, `stdin` streamed in to its end.

        Returns the exit code. `stop` is asked about twice a second; true ends the wait with Cancelled
        (the caller removes the container). `deadline` in seconds, 0 for none: over it raises PlatformError
        `engine:platform:deadline`.
        """

    def wait(self, container: str, *, timeout: float) -> int | None:
        """Return the exit code, or None if it still runs after `timeout` seconds."""

    def output(self, container: str, *, tail: int = 50) -> list[str]:
        """Return the last lines of a container's log."""

    def follow(self, container: str) -> Iterator[bytes]:
        """Yield a container's raw output from its beginning until it exits."""

    def remove_container(self, container: str) -> None:
        """Kill and remove; no error if it is gone."""

    def remove_labelled(self, labels: Mapping[str, str]) -> int:
        """Kill and remove every container with these labels; return how many there were."""

    # volumes, images, networks
    def ensure_volume(self, name: str, labels: Mapping[str, str]) -> None: ...
    def volumes(self, labels: Mapping[str, str]) -> list[str]: ...
    def remove_volume(self, name: str) -> None: ...
    def pull(self, image: str) -> None:
        """Fetch an image by digest; a second call is cheap. Raises PlatformError `engine:platform:pull`."""

    def images(self, repository: str) -> list[str]:
        """Return the digest references of a repository's images on this node."""

    def remove_image(self, reference: str) -> None: ...

    # what happens
    def events(self, since: float) -> Iterator[Event]:
        """Yield container events of our namespace from the Unix time `since` on; ends when the engine goes away."""

    def info(self) -> Mapping[str, object]:
        """Return the engine's own description (docker info); raises PlatformError when it does not answer."""
