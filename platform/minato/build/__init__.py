"""Source + Stack -> Image: the reference lifecycle in two containers, one file per phase."""

from minato.build.attempt import run
from minato.build.tidy import cleanup, forget

__all__ = ["cleanup", "forget", "run"]
