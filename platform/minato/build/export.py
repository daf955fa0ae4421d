"""Phase 5, trusted: writes the image to the registry."""

from __future__ import annotations

from minato.build.phase import TRUSTED, command
from minato.build.places import ANALYZED, APP, CACHE, LAYERS, PROJECT, REPORT, RUN
from minato.values.build import BuildPlan
from minato.values.engine import Exec


def export(plan: BuildPlan) -> Exec:
    paths = ("-app", APP, "-layers", LAYERS, "-analyzed", ANALYZED, "-run", RUN, "-cache-dir", CACHE)
    told = ("-project-metadata", PROJECT, "-report", REPORT)
    return command("exporter", *paths, *told, plan.tag, env=TRUSTED)
