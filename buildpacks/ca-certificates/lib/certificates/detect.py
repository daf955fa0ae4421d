"""Pass when a binding brings certificates."""

from __future__ import annotations

import cnb

KIND = "ca-certificates"


def main() -> None:
    if not cnb.bindings(KIND):
        cnb.undetected(f"minato/ca-certificates looked for: a binding of type {KIND}")
