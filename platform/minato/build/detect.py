"""Phase 2, untrusted: which buildpacks recognise the source."""

from __future__ import annotations

from minato.build.phase import ENV, command
from minato.build.places import ANALYZED, APP, LAYERS, PLATFORM, RUN
from minato.values.engine import Exec


def detect() -> Exec:
    paths = ("-app", APP, "-layers", LAYERS, "-platform", PLATFORM, "-analyzed", ANALYZED, "-run", RUN)
    return command("detector", *paths, env=ENV)
