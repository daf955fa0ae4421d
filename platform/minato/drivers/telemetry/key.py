"""The key that telemetryd and its clients share: loopback alone would let every local user read logs."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def shared_key(keys: Path) -> str:
    """Return the secret in `keys`/telemetry; whoever comes first makes it (0600)."""
    path = keys / "telemetry"
    if not path.exists():
        keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = keys / f".telemetry.{secrets.token_hex(8)}"
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
        aside.unlink()
    return path.read_text().strip()
