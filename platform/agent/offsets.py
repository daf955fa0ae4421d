"""How far each log has been shipped, on disk: written only after the receiver has committed."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from agent.logfile import Place


class Offsets:
    """`<follower>/<source>` -> Place, in one file that is replaced whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places = _load(path)
        self._lock = threading.Lock()

    def get(self, follower: str, source: str) -> Place | None:
        return self._places.get(f"{follower}/{source}")

    def least(self, source: str, followers: Iterable[str]) -> int:
        """Return the offset that all followers have passed in a file that is never rotated."""
        places = [self.get(follower, source) for follower in followers]
        return min((place.offset if place else 0 for place in places), default=0)

    def commit(
        self, follower: str, places: Mapping[str, Place], gone: Iterable[str] = (), *, sync: bool = True
    ) -> None:
        """Keep places and forget sources; on disk when this returns, unless `sync` is false."""
        with self._lock:
            self._places.update({f"{follower}/{source}": place for source, place in places.items()})
            for source in gone:
                self._places.pop(f"{follower}/{source}", None)
            self._save(sync)

    def prune(self, present: Iterable[str]) -> None:
        """Forget sources that are not there any more."""
        kept = set(present)
        with self._lock:
            self._places = {key: place for key, place in self._places.items() if key.partition("/")[2] in kept}
            self._save(sync=True)

    def _save(self, sync: bool) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = self.path.with_suffix(".new")
        with aside.open("w") as file:
            json.dump({key: [p.inode, p.generation, p.offset] for key, p in self._places.items()}, file)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        aside.replace(self.path)


def _load(path: Path) -> dict[str, Place]:
    """Read the file; a broken one is none: lines are then shipped again under the same ids."""
    try:
        return {key: Place(int(raw[0]), str(raw[1]), int(raw[2])) for key, raw in json.loads(path.read_text()).items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
