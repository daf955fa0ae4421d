"""git over smart HTTP at `/git/<app>.git`: raw ASGI, because a push is as long as a deploy (notes/ingest.md 1)."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

import orjson
from django.conf import settings

from apps.access.viewer import Viewer
from doors import Receive, Scope, Send
from doors.database import ask
from doors.desk import Desk, Target
from doors.git_process import BODY, Exchange, Patience, whole_output
from doors.hook import Hooks, Push
from doors.hook_push import Pushes
from doors.http import answer, begin, declared_length, header, text
from doors.turns import Turns, full
from minato.drivers.git import commands
from minato.drivers.git.cli import sweep
from minato.drivers.wiring import drivers
from minato.errors import MinatoError, UserError
from minato.receive.pktline import announcement
from minato.values.config import Config

log = logging.getLogger(__name__)

LFS_BATCH = "info/lfs/objects/batch"
PATH = re.compile(rf"^/git/([a-z0-9_-]{{1,40}})\.git/(info/refs|git-receive-pack|git-upload-pack|{LFS_BATCH})\Z")
METHODS = {"info/refs": "GET"}
ACTIONS = {"receive-pack": "app.deploy", "upload-pack": "app.read"}
UPLOADS, OF_ONE = 16, 4
"""Requests that unpack or pack at once, and those of one person; a push that only waits for its deploy is none."""

LFS = "Git LFS is not supported: store the files in git itself (`git lfs migrate export`), then push again."


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """The one clear line, as git shows it."""

    def __init__(self, status: int, words: str, *headers: tuple[str, str]) -> None:
        super().__init__(words)
        self.status, self.words, self.headers = status, words, headers


@dataclass(frozen=True, kw_only=True)
class Request:
    """An authenticated, authorised request."""

    viewer: Viewer
    target: Target
    service: str
    repository: Path


class GitDoor:
    """Tests hand in a Config, a Desk and shorter patience."""

    def __init__(
        self,
        config: Config | None = None,
        desk: Desk | None = None,
        patience: Patience | None = None,
        turns: Turns | None = None,
    ) -> None:
        self._config: Config = config or settings.MINATO
        self._desk = desk or Desk()
        self._patience = patience or _patience(self._config)
        self._git = drivers(self._config).git
        pushes = Pushes(desk=self._desk, git=self._git, blobs=drivers(self._config).blobs, url=self._config.url)
        self._hooks = Hooks(self._config, pushes.decide)
        self._turns = turns or Turns(most=UPLOADS, each=OF_ONE)

    def matches(self, path: str) -> bool:
        return path.startswith("/git/")

    async def start(self) -> None:
        await self._hooks.ensure()
        await asyncio.to_thread(sweep, self._config.repos)

    async def stop(self) -> None:
        await self._hooks.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._serve(scope, receive, send)
        except Refusal as refusal:
            await text(send, refusal.status, refusal.words, refusal.headers)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        viewer = await self._viewer(scope)
        found = PATH.match(scope["path"])
        if found is None:
            raise nothing()
        name, what = found.groups()
        target = await ask(self._desk.find, viewer, name)
        if target is None:
            raise nothing()
        if scope["method"] != METHODS.get(what, "POST"):
            raise Refusal(405, "This address takes another method.", ("Allow", METHODS.get(what, "POST")))
        if what == LFS_BATCH:
            body = orjson.dumps({"message": LFS})
            await answer(send, 501, body, [("Content-Type", "application/vnd.git-lfs+json")])
            return
        request = await self._request(viewer, target, asked(scope, what))
        if what == "info/refs":
            await self._advertise(request, scope, send)
        else:
            await self._exchange(request, scope, receive, send)

    async def _viewer(self, scope: Scope) -> Viewer:
        secret = password(header(scope, "authorization"))
        viewer = await ask(self._desk.authenticate, secret, "git") if secret else None
        if viewer is None:
            raise Refusal(
                401,
                "This token is not known. Any user name, and a token as the password.",
                ("WWW-Authenticate", 'Basic realm="minato", charset="UTF-8"'),
            )
        return viewer

    async def _request(self, viewer: Viewer, target: Target, service: str) -> Request:
        """Authorise: in both requests of a push, each on its own."""
        try:
            self._desk.require(viewer, ACTIONS[service], target.team)
        except UserError as error:
            await ask(self._desk.denied, viewer, target, ACTIONS[service])
            raise Refusal(403, "\n".join(error.lines())) from error
        repository = self._config.repos / f"{target.uid}.git"
        try:
            await asyncio.to_thread(self._git.create, repository)
        except MinatoError as error:
            log.exception("no repository for %s", target.uid)
            raise Refusal(503, "The platform cannot open this repository now; try again.") from error
        return Request(viewer=viewer, target=target, service=service, repository=repository)

    async def _advertise(self, request: Request, scope: Scope, send: Send) -> None:
        if request.service == "receive-pack":
            self._require_room()
        version = commands.protocol(header(scope, "git-protocol"))
        argv = commands.service(request.service, request.repository, self._hooks.folder, advertise=True)
        with self._slot(request) as slot:
            await slot.take()
            refs = await whole_output(argv, version)
        plain = request.service == "receive-pack" or "version=2" not in version.get("GIT_PROTOCOL", "").split(":")
        body = (announcement(request.service) if plain else b"") + refs
        await answer(send, 200, body, kind(request.service, "advertisement"))

    def _require_room(self) -> None:
        if full(self._config.repos):
            raise Refusal(507, "The platform's storage is full: nothing can be received until an operator makes room.")

    async def _exchange(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        if header(scope, "content-type") != f"application/x-git-{request.service}-request":
            raise Refusal(415, "This address speaks git's smart HTTP alone.")
        if declared_length(scope) > BODY:
            raise Refusal(413, f"A push may be {commands.PACK_LIMIT // 1024**2} MiB large, no more.")
        packed = gzipped(header(scope, "content-encoding"))
        if request.service == "receive-pack":
            self._require_room()
        await self._hooks.ensure()
        push = Push(target=request.target, viewer=request.viewer, repository=request.repository)
        with self._hooks.admit(push) as env, self._slot(request) as slot:
            await slot.take()
            exchange = Exchange(
                argv=commands.service(request.service, request.repository, self._hooks.folder, advertise=False),
                env={**env, **commands.protocol(header(scope, "git-protocol"))},
                outlives=request.service == "receive-pack",
                gzip=packed,
                patience=self._patience,
                busy=lambda: push.deciding,
                fed=slot.give if request.service == "receive-pack" else lambda: None,
            )
            await begin(send, 200, [*kind(request.service, "result"), ("Cache-Control", "no-store")])
            await exchange.run(receive, send)

    @contextmanager
    def _slot(self, request: Request) -> Iterator[Slot]:
        slot = Slot(self._turns, request.viewer.user_id)
        try:
            yield slot
        finally:
            slot.give()


class Slot:
    """One place among those that unpack; given back once."""

    def __init__(self, turns: Turns, who: int) -> None:
        self._turns, self._who, self._held = turns, who, False

    async def take(self) -> None:
        try:
            await self._turns.take(self._who)
        except TimeoutError:
            raise Refusal(503, "Too many pushes at once; try again in 30 s.", ("Retry-After", "30")) from None
        self._held = True

    def give(self) -> None:
        if self._held:
            self._held = False
            self._turns.give(self._who)


def nothing() -> Refusal:
    """Return what everybody gets for what is not there or not theirs to see: the same bytes."""
    return Refusal(404, "There is no such app, or it is not yours to see. Check the name in `git remote -v`.")


def asked(scope: Scope, what: str) -> str:
    """Return receive-pack or upload-pack, from the path or from info/refs' query."""
    service = parse_qs(scope["query_string"].decode("latin-1")).get("service", [""])[0] if what == "info/refs" else what
    name = service.removeprefix("git-")
    if name not in ACTIONS or service == name:
        raise Refusal(400, "This address speaks git's smart HTTP alone: use git 1.6.6 or newer.")
    return name


def password(authorization: str) -> str:
    """Return the password of Basic credentials, or ""."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except ValueError:  # not base64, not ASCII, not UTF-8
        return ""


def gzipped(encoding: str) -> bool:
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise Refusal(415, "A body may be gzipped, in no other encoding.")
    return encoding.endswith("gzip")


def kind(service: str, what: str) -> list[tuple[str, str]]:
    return [
        ("Content-Type", f"application/x-git-{service}-{what}"),
        ("X-Accel-Buffering", "no"),
    ]


def _patience(config: Config) -> Patience:
    return Patience(idle=config.times.receive_idle, whole=config.times.receive)
