"""Places for what takes memory, disk or a core: some for everybody, a few of them for one person."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 60.0  # seconds that somebody waits for a place
SPARE = 1024**3  # bytes that must be free before anything large may begin


@dataclass
class _Own:
    """One person's places, and how many requests have or want one."""

    places: asyncio.Semaphore
    users: int = 0


class Turns:
    """`most` places, of which one person takes `each`: whoever stands still with theirs keeps nobody else waiting."""

    def __init__(self, *, most: int, each: int, patience: float = PATIENCE) -> None:
        self._all = asyncio.Semaphore(most)
        self._each = each
        self._patience = patience
        self._own: dict[int, _Own] = {}

    async def take(self, who: int) -> None:
        """Wait for a place of `who`'s. Raises TimeoutError."""
        own = self._own.setdefault(who, _Own(asyncio.Semaphore(self._each)))
        own.users += 1
        try:
            async with asyncio.timeout(self._patience):
                await own.places.acquire()
                try:
                    await self._all.acquire()
                except BaseException:
                    own.places.release()
                    raise
        except BaseException:
            self._leave(who)
            raise

    def give(self, who: int) -> None:
        self._all.release()
        self._own[who].places.release()
        self._leave(who)

    def _leave(self, who: int) -> None:
        self._own[who].users -= 1
        if not self._own[who].users:
            del self._own[who]


def full(folder: Path) -> bool:
    """Say whether the disk of `folder`, which may not be there yet, has no room for another large thing."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return shutil.disk_usage(there).free < SPARE
