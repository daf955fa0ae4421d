"""What the fake engine is made of: scripted behaviour, containers and services in memory, volumes and images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from minato.drivers.engine import Output
from minato.drivers.engine.client import away
from minato.errors import PlatformError
from minato.values.engine import Instance, Task, Workload

Run = Callable[[bytes, Output], int]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command does: writes `output`, then hangs or returns `code`; or all that `run(stdin, output)` does."""

    code: int = 0
    output: bytes = b""
    hang: bool = False
    run: Run | None = None


@dataclass(frozen=True, kw_only=True)
class Exit:
    """How a container's own process ends: at once, with this code, having written `output`; `times` starts in all."""

    code: int = 0
    output: bytes = b""
    oom: bool = False
    times: int = 5


@dataclass(kw_only=True)
class Body:
    """A container in memory."""

    seen: Instance
    command: tuple[str, ...]
    output: bytes = b""
    restart: bool = False


@dataclass(kw_only=True)
class Held:
    """A service in memory. `tasks` are newest first."""

    workload: Workload
    tasks: list[Task] = field(default_factory=list)


class Storage:
    """Volumes and images in memory."""

    def __init__(self, ns: str) -> None:
        self.ns = ns
        self.unpullable: set[str] = set()
        self.is_away = False
        self._volumes: dict[str, dict[str, str]] = {}
        self._images: set[str] = set()

    def _present(self) -> None:
        if self.is_away:
            raise away("the fake went away")

    def ensure_volume(self, name: str, labels: Mapping[str, str]) -> None:
        self._present()
        self._volumes.setdefault(name, {"minato.ns": self.ns, **labels})

    def volumes(self, labels: Mapping[str, str]) -> list[str]:
        self._present()
        return sorted(name for name, own in self._volumes.items() if has(own, labels))

    def remove_volume(self, name: str) -> None:
        self._present()
        self._volumes.pop(name, None)

    def pull(self, image: str) -> None:
        self._present()
        if image in self.unpullable:
            raise PlatformError(
                code="engine:platform:pull",
                message=f"The image {image} cannot be fetched.",
                hint="The registry must be running and must still hold it.",
                evidence="manifest unknown",
            )
        self._images.add(image)

    def images(self, repository: str) -> list[str]:
        self._present()
        return sorted(image for image in self._images if image.startswith(f"{repository}@"))

    def remove_image(self, reference: str) -> None:
        self._present()
        self._images.discard(reference)


def now() -> datetime:
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "000Z")


def has(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in wanted.items())


def missing(message: str) -> PlatformError:
    return PlatformError(code="engine:platform:missing", message=message)


def longest(table: Mapping[tuple[str, ...], T], argv: tuple[str, ...]) -> T | None:
    fitting = [prefix for prefix in table if argv[: len(prefix)] == prefix]
    return table[max(fitting, key=len)] if fitting else None
