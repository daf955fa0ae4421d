"""Phase 3, trusted: metadata of the previous image's layers, and the app's cache."""

from __future__ import annotations

from minato.build.phase import TRUSTED, command
from minato.build.places import ANALYZED, CACHE, LAYERS, RUN
from minato.values.engine import Exec


def restore() -> Exec:
    paths = ("-layers", LAYERS, "-analyzed", ANALYZED, "-run", RUN, "-cache-dir", CACHE)
    return command("restorer", *paths, env=TRUSTED)
