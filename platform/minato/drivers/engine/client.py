"""docker-py for every thread, and Docker's errors as ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from urllib3.exceptions import HTTPError

from minato.errors import PlatformError

VERSION = "1.41"
PATIENCE = 60
UNAVAILABLE = 503  # the engine answers, its swarm does not yet: it has just started


def away(error: object) -> PlatformError:
    """Return the error of an engine that does not answer."""
    return PlatformError(
        code="engine:platform:away",
        message="The engine does not answer.",
        hint="It is started again by itself; running apps go on.",
        evidence=str(error),
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turn Docker's and the socket's errors into PlatformError `engine:platform:{away,missing,conflict,refused}`."""
    try:
        yield
    except NotFound as error:
        raise PlatformError(code="engine:platform:missing", message=str(error.explanation or error)) from error
    except APIError as error:
        if error.status_code == UNAVAILABLE:
            raise away(error.explanation or error) from error
        name = "conflict" if error.status_code == 409 else "refused"
        raise PlatformError(code=f"engine:platform:{name}", message=str(error.explanation or error)) from error
    except (requests.RequestException, HTTPError, OSError) as error:  # docker-py reads streams below requests
        raise away(error) from error
    except DockerException as error:
        raise PlatformError(code="engine:platform:refused", message=str(error)) from error


@contextmanager
def forgiving(name: str) -> Iterator[None]:
    """Pass over PlatformError `engine:platform:<name>`: what should be so is so already."""
    try:
        yield
    except PlatformError as error:
        if error.code != f"engine:platform:{name}":
            raise


@contextmanager
def ending() -> Iterator[None]:
    """Let a stream end quietly when the engine goes away."""
    try:
        with translated():
            yield
    except PlatformError as error:
        if error.code != "engine:platform:away":
            raise


class Clients:
    """One APIClient per thread: a requests session is not safe to share."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._local = threading.local()

    @property
    def api(self) -> Any:
        """This thread's client for calls that answer soon."""
        if not hasattr(self._local, "api"):
            self._local.api = self.open(PATIENCE)
        return self._local.api

    def open(self, timeout: float | None) -> Any:
        """Return a client of its own, for a stream (`timeout` None) or a short question. The caller closes it."""
        return docker.APIClient(base_url=f"unix://{self.socket}", version=VERSION, timeout=timeout)
