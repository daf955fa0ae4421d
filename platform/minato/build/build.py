"""Phase 4, untrusted: the buildpacks work, and with them any script of the source."""

from __future__ import annotations

from minato.build.phase import ENV, command
from minato.build.places import ANALYZED, APP, LAYERS, PLATFORM
from minato.values.engine import Exec


def build() -> Exec:
    paths = ("-app", APP, "-layers", LAYERS, "-platform", PLATFORM, "-analyzed", ANALYZED)
    return command("builder", *paths, env=ENV)
