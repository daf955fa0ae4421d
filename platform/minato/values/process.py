"""Process types, sizes and formations, in Heroku's words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from minato.values.engine import Limits

SCALE = re.compile(r"^([\w-]{1,63})([=+-]\d{1,6})(?::([\w-]{1,20}))?$", re.ASCII)
TYPE = re.compile(r"^[a-z0-9-]{1,63}$")

SIZES: dict[str, Limits] = {
    "small": Limits(memory=256 << 20, cpu=0.5),
    "medium": Limits(memory=512 << 20, cpu=1.0),
    "large": Limits(memory=1 << 30, cpu=2.0),
}
DEFAULT_SIZE = "medium"
MOST_INSTANCES = 20
MOST_TYPES = 50


@dataclass(frozen=True, kw_only=True)
class Formation:
    """How many of one process type run, and how big each is."""

    type: str
    quantity: int
    size: str = DEFAULT_SIZE
