"""Image, config and formation in, Spec out."""

from minato.release.config import check_all, check_key, check_value
from minato.release.formation import adjust, grows_in_place, next_formation, parse_scale, shown
from minato.release.words import describe_config, short_commit

__all__ = [
    "adjust",
    "check_all",
    "check_key",
    "check_value",
    "describe_config",
    "grows_in_place",
    "next_formation",
    "parse_scale",
    "short_commit",
    "shown",
]
