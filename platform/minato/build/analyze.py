"""Phase 1, trusted: reads the previous image and the run image from the registry. Needs no source."""

from __future__ import annotations

from minato.build.phase import TRUSTED, command
from minato.build.places import ANALYZED, LAYERS, RUN
from minato.values.build import BuildPlan
from minato.values.engine import Exec


def analyze(plan: BuildPlan) -> Exec:
    previous = ("-previous-image", plan.previous) if plan.previous else ()
    paths = ("-layers", LAYERS, "-analyzed", ANALYZED, "-run", RUN)
    return command("analyzer", *paths, "-run-image", plan.stack.run, *previous, plan.tag, env=TRUSTED)
