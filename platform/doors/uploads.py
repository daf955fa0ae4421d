"""Source by upload: `PUT /api/v1/apps/<app>/sources` with a tar, tar.gz or zip as the body.

Raw ASGI, so that nothing is read before the caller is known and nothing is kept in memory.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
from django.conf import settings

from apps.access.viewer import Viewer
from doors import Receive, Scope, Send
from doors.database import ask
from doors.desk import Desk, Started, Target
from doors.http import answer, declared_length, header, problem, request_id
from doors.turns import Turns, full
from minato.drivers.normaliser import normalise
from minato.drivers.wiring import drivers
from minato.errors import MinatoError, PlatformError, UserError
from minato.values.config import Config
from minato.values.source import SourceBlob

log = logging.getLogger(__name__)

PATH = re.compile(r"^/api/v1/apps/([^/]+)/sources\Z")
LIMIT = 512 * 1024**2
KINDS = frozenset({"application/octet-stream", "application/gzip", "application/x-tar", "application/zip"})
KEY = re.compile(r"^[\x21-\x7e]{1,80}\Z")
DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):")
AT_ONCE = 2  # archives that are read
ARRIVING, OF_ONE = 16, 4  # archives that are received, and those of one person

STATUS = {
    "receive:user:too-large": 413,
    "receive:user:media-type": 415,
    "receive:user:method": 405,
    "receive:user:cut-off": 400,
    "receive:user:digest": 400,
    "receive:user:idempotency-key": 400,
    "receive:user:slow": 408,
    "receive:platform:busy": 503,
    "receive:platform:storage-full": 507,
    "access:user:forbidden": 403,
    "app:user:not-found": 404,
    "access:user:unknown": 401,
}


class UploadDoor:
    """Tests hand in a Config and a Desk."""

    def __init__(self, config: Config | None = None, desk: Desk | None = None, turns: Turns | None = None) -> None:
        self._config: Config = config or settings.MINATO
        self._desk = desk or Desk()
        self._blobs = drivers(self._config).blobs
        self._reading = asyncio.Semaphore(AT_ONCE)
        self._turns = turns or Turns(most=ARRIVING, each=OF_ONE)

    def matches(self, path: str) -> bool:
        return PATH.match(path) is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = request_id(scope)
        try:
            target, viewer = await self._admit(scope)
            async with self._turn(viewer):
                started = await self._take(scope, receive, target, viewer)
        except Exception as error:
            await self._refuse(send, error, request)
        else:
            await self._accepted(send, target, started, request)

    async def _refuse(self, send: Send, error: Exception, request: str) -> None:
        if not isinstance(error, MinatoError):
            log.exception("upload %s", request)
            error = PlatformError(code="receive:platform:failed", message="The platform failed; nothing was deployed.")
        status = STATUS.get(error.code, 422 if isinstance(error, UserError) else 500)
        extra = {401: [("WWW-Authenticate", "Bearer")], 405: [("Allow", "PUT")]}.get(status, [])
        await problem(send, status, error, request, extra)

    async def _accepted(self, send: Send, target: Target, started: Started, request: str) -> None:
        place = f"/api/v1/apps/{target.name}/deploys/{started.number}"
        body = {"id": started.uid, "number": started.number, "state": started.state, "url": place}
        kind = [("Content-Type", "application/json"), ("Location", place), ("X-Request-ID", request)]
        await answer(send, 202, orjson.dumps(body), kind)

    async def _admit(self, scope: Scope) -> tuple[Target, Viewer]:
        """Return who may upload to what, before a byte of the body is read. Raises UserError."""
        scheme, _, secret = header(scope, "authorization").partition(" ")
        viewer = await ask(self._desk.authenticate, secret.strip(), "api") if scheme.lower() == "bearer" else None
        if viewer is None:
            raise UserError(code="access:user:unknown", message="This token is not known.", hint="Send a Bearer token.")
        found = PATH.match(scope["path"])
        target = await ask(self._desk.find, viewer, found.group(1)) if found else None
        if target is None:
            raise UserError(code="app:user:not-found", message="There is no such app, or it is not yours to see.")
        if scope["method"] != "PUT":
            raise UserError(code="receive:user:method", message="This address takes PUT.")
        await self._require(viewer, target)
        check_headers(scope)
        return target, viewer

    async def _require(self, viewer: Viewer, target: Target) -> None:
        try:
            self._desk.require(viewer, "app.deploy", target.team)
        except UserError:
            await ask(self._desk.denied, viewer, target, "app.deploy")
            raise

    @asynccontextmanager
    async def _turn(self, viewer: Viewer) -> AsyncIterator[None]:
        """Hold a place among the archives that are received. Raises PlatformError."""
        try:
            await self._turns.take(viewer.user_id)
        except TimeoutError:
            message = "Too many uploads at once."
            raise PlatformError(code="receive:platform:busy", message=message, hint="Try again in 30 s.") from None
        try:
            if full(self._config.blobs):
                raise storage_full()
            yield
        finally:
            self._turns.give(viewer.user_id)

    async def _take(self, scope: Scope, receive: Receive, target: Target, viewer: Viewer) -> Started:
        """Receive, normalise, store, deploy. Nothing is left of what was refused."""
        archive = await asyncio.to_thread(self._blobs.scratch)
        try:
            digest = await self._receive(archive, receive)
            check_digest(scope, digest)
            async with self._reading:
                source = await asyncio.to_thread(self._normalise, archive)
        finally:
            archive.unlink(missing_ok=True)
        return await ask(self._desk.upload, target, source, viewer, header(scope, "idempotency-key"))

    def _normalise(self, archive: Path) -> SourceBlob:
        with archive.open("rb") as file:
            return normalise(file, self._blobs)

    async def _receive(self, archive: Path, receive: Receive) -> bytes:
        """Write the body to `archive` and return its SHA-256."""
        try:
            async with asyncio.timeout(self._config.times.receive):
                return await self._body(archive, receive)
        except TimeoutError:
            raise UserError(code="receive:user:slow", message="The upload took too long or stood still.") from None
        except OSError as error:
            raise storage_full() from error

    async def _body(self, archive: Path, receive: Receive) -> bytes:
        digest, size, more = hashlib.sha256(), 0, True
        with archive.open("wb") as file:
            while more:
                message = await asyncio.wait_for(receive(), self._config.times.receive_idle)
                if message["type"] == "http.disconnect":
                    raise UserError(code="receive:user:cut-off", message="The upload was cut off.")
                data, more = message.get("body", b""), message.get("more_body", False)
                size += len(data)
                if size > LIMIT:
                    raise too_large()
                digest.update(data)
                file.write(data)
        return digest.digest()


def check_headers(scope: Scope) -> None:
    """Raise UserError for what can be refused before reading."""
    if declared_length(scope) > LIMIT:
        raise too_large()
    kind = header(scope, "content-type").partition(";")[0].strip().lower()
    if kind and kind not in KINDS:  # curl -T says nothing: the archive itself tells what it is
        message = "Send the archive itself: a tar, tar.gz or zip as application/octet-stream."
        raise UserError(code="receive:user:media-type", message=message)
    key = header(scope, "idempotency-key")
    if key and not KEY.match(key):
        message = "An Idempotency-Key has 1 to 80 visible characters."
        raise UserError(code="receive:user:idempotency-key", message=message)


def check_digest(scope: Scope, digest: bytes) -> None:
    """Compare with `Content-Digest` (RFC 9530), if it names sha-256. Raises UserError `receive:user:digest`."""
    given = DIGEST.search(header(scope, "content-digest"))
    if given is None:
        return
    try:
        same = base64.b64decode(given.group(1), validate=True) == digest
    except binascii.Error:
        same = False
    if not same:
        message = "What arrived is not what Content-Digest promised."
        raise UserError(code="receive:user:digest", message=message, hint="Send it again.")


def storage_full() -> PlatformError:
    return PlatformError(code="receive:platform:storage-full", message="The platform's storage is full.")


def too_large() -> UserError:
    hint = "Leave large data and dependencies out of it."
    return UserError(
        code="receive:user:too-large", message=f"An upload may be {LIMIT // 1024**2} MiB large.", hint=hint
    )
