"""What a push sets off: policy for all refs, then the source, then the deploy, told line by line to its end."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from apps.deploys.models import Deploy
from doors.database import ask
from doors.desk import Desk, Started
from doors.hook import Push, Say
from minato.drivers.blobs import Blobs
from minato.drivers.git import Git
from minato.drivers.normaliser import normalise
from minato.errors import MinatoError, PlatformError, UserError
from minato.receive import preflight, refs
from minato.receive.refs import Judgement
from minato.receive.transcript import Outcome, line, reason, rejection, spoken
from minato.values.source import RefChange, SourceBlob

log = logging.getLogger(__name__)

SNAPSHOTS = 2
"""Sources read at once: each takes a core."""

LOOK = 1.0
"""Seconds between two looks at the row."""

FAULTS = 60
REJECTED = "Push rejected,"


class Verdict(Exception):  # noqa: N818 - how a push ends early, not a fault
    """The deploy's ref is refused for this reason; everything has been said."""


class Pushes:
    """Decides pushes. `url` is the platform's own address, for the page that cancels."""

    def __init__(self, *, desk: Desk, git: Git, blobs: Blobs, url: str) -> None:
        self._desk = desk
        self._git = git
        self._blobs = blobs
        self._url = url
        self._snapshots = asyncio.Semaphore(SNAPSHOTS)

    async def decide(self, push: Push, changes: Sequence[RefChange], atomic: bool, say: Say) -> dict[str, str]:
        """Return "ok" or the reason for every ref; with a deploy among them, when it has ended."""
        found = refs.judge(changes, push.target.deploys_from, atomic=atomic)
        await self._notes(found, say)
        deploy = next((j for j in found if j.deploys and not j.reason), None)
        if deploy is not None:
            found = await self._deployed(push, found, deploy, atomic, say)
        return refs.verdicts(found)

    async def _notes(self, found: Sequence[Judgement], say: Say) -> None:
        for judgement in found:
            if judgement.note and not judgement.reason:
                await say(line("body", judgement.note))

    async def _deployed(
        self, push: Push, found: list[Judgement], deploy: Judgement, atomic: bool, say: Say
    ) -> list[Judgement]:
        try:
            await self._deploy(push, deploy.change, say)
        except Verdict as verdict:
            return refs.undeployed(found, str(verdict), atomic=atomic)
        except UserError as error:
            await tell(say, error)
            return refs.undeployed(found, words(error), atomic=atomic)
        except Exception as error:
            incident = secrets.token_hex(4)
            log.exception("incident %s: push to %s", incident, push.target.uid)
            message = error.message if isinstance(error, MinatoError) else "the platform failed."
            for row in rejection(
                message, f"This is not your fault: incident {incident}.", "Push again, or tell an operator."
            ):
                await say(row)
            return refs.undeployed(found, f"platform error, incident {incident}", atomic=atomic)
        return found

    async def _deploy(self, push: Push, change: RefChange, say: Say) -> None:
        """Begin the deploy and follow it. Raises Verdict, UserError, PlatformError."""
        branch = refs.short(change.ref)
        await say(line("head", f"Receiving {push.target.name} @ {change.new[:7]} ({branch}) from {push.viewer.label}"))
        source = await self.source(push.repository, change.new)
        await self._require_fresh(push, change, say)
        started = await ask(self._desk.push, push.target, source, change, push.viewer)
        await say(line("body", f"Ctrl-C stops watching, not deploying. To cancel: {self._page(push, started)}"))
        told = await self._follow(started, say)
        await self._judge(push, change, await self._ended(started), told, say)

    async def _require_fresh(self, push: Push, change: RefChange, say: Say) -> None:
        """Refuse what another push has overtaken since this client looked; git would do so only after the deploy."""
        current = await asyncio.to_thread(self._git.ref, push.repository, change.ref)
        if current == change.old:
            return
        branch = refs.short(change.ref)
        for row in rejection(f"{branch} moved to {current[:7]} meanwhile.", "", "git pull --rebase, then push again."):
            await say(row)
        raise Verdict(f"stale: {branch} moved to {current[:7]}, fetch first")

    def _page(self, push: Push, started: Started) -> str:
        return f"{self._url}/apps/{push.target.name}/deploys/{started.number}"

    async def source(self, repository: Path, commit: str) -> SourceBlob:
        """Return the canonical source of a commit, after the look at its tree."""
        async with self._snapshots:
            return await asyncio.to_thread(self._source, repository, commit)

    def _source(self, repository: Path, commit: str) -> SourceBlob:
        if not self._git.is_commit(repository, commit):
            raise UserError(code="receive:user:not-a-commit", message="A branch can only point to a commit.")
        with closing(self._git.entries(repository, commit)) as tree:
            preflight.check(preflight.records(tree))
        with closing(self._git.archive(repository, commit)) as archive:
            source = normalise(archive, self._blobs, entries=preflight.ENTRIES, total=preflight.TOTAL)
            archive.read()  # the end of the file is where a failed git says so
            return source

    async def _follow(self, started: Started, say: Say) -> bool:
        """Print the deploy's story; return whether it told why it was rejected."""
        told = False
        try:
            async for _, entry in self._desk.follow(started.uid):
                spoke = spoken(entry)
                if spoke is not None:
                    told = told or REJECTED in spoke
                    await say(spoke)
        except Exception:
            log.exception("the story of %s broke off", started.uid)
            await say(line("warn", "The live lines broke off; the deploy goes on."))
        return told

    async def _ended(self, started: Started) -> Outcome:
        """Return the row's outcome: it is the truth, the story only a hint. Raises PlatformError."""
        fault: Exception | None = None
        for _ in range(FAULTS):
            try:
                while (found := await ask(self._desk.outcome, started.uid)).state not in Deploy.OVER:
                    await asyncio.sleep(LOOK)
                return found
            except Exception as error:
                log.warning("the outcome of %s is not readable: %s", started.uid, error)
                fault = error
                await asyncio.sleep(LOOK)
        raise PlatformError(code="deploy:platform:unseen", message="The outcome cannot be read now.") from fault

    async def _judge(self, push: Push, change: RefChange, outcome: Outcome, told: bool, say: Say) -> None:
        """Raise Verdict unless the deploy is live (or was, and has since been followed by another)."""
        if outcome.state not in ("failed", "cancelled"):
            return
        current = await asyncio.to_thread(self._git.ref, push.repository, change.ref)
        why = reason(outcome, branch=refs.short(change.ref), current=current)
        if not told:
            for row in rejection(outcome.message or why, outcome.evidence, outcome.hint):
                await say(row)
        raise Verdict(why)


def words(error: UserError) -> str:
    """Return an error as the one line that git prints beside the ref."""
    return error.message.rstrip(".")


async def tell(say: Say, error: UserError) -> None:
    for row in rejection(error.message, error.evidence, error.hint):
        await say(row)
