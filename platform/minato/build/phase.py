"""What the commands of all phases have in common."""

from __future__ import annotations

from collections.abc import Mapping

from minato.build.places import LIFECYCLE, SCRATCH
from minato.values.engine import Exec

PLATFORM_API = "0.15"
ENV: Mapping[str, str] = {"CNB_PLATFORM_API": PLATFORM_API, "CNB_NO_COLOR": "true"}
# The scratch of the trusted phases is on disk: an exported layer may be larger than the memory of a tmpfs.
# Cloud key chains would ask the outside, which these phases cannot reach.
TRUSTED: Mapping[str, str] = {
    **ENV,
    "TMPDIR": SCRATCH,
    "CNB_REGISTRY_AUTH_KEYCHAIN_SKIP_AMAZON": "true",
    "CNB_REGISTRY_AUTH_KEYCHAIN_SKIP_AZURE": "true",
}


def command(program: str, *args: str, env: Mapping[str, str]) -> Exec:
    """Return one lifecycle program's command."""
    return Exec(argv=(f"{LIFECYCLE}/{program}", "-no-color", *args), env=env)
