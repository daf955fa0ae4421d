"""Pass when there is a Procfile at the root."""

from __future__ import annotations

import cnb


def main() -> None:
    if not (cnb.app_dir() / "Procfile").is_file():
        cnb.undetected("minato/procfile looked for: Procfile")
