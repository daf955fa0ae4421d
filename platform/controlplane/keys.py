"""The installation's own secrets: made once, files under `var/keys`, never defaults."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from minato.values.config import Config

SHORTEST = 32


def ensure(path: Path, size: int = 48) -> str:
    """Return the secret in `path`; make it (0600) if it is missing. Raises ValueError if it is too short."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(size))
        try:
            os.link(aside, path)  # whoever comes first wins, everybody reads the same
        except FileExistsError:
            pass
        finally:
            aside.unlink()
    value = path.read_text().strip()
    if len(value) < SHORTEST:
        raise ValueError(f"{path} is too short to be a secret: remove it only if you can lose what it protects")
    return value


def secret_key(config: Config) -> str:
    """Return Django's SECRET_KEY."""
    return ensure(config.keys / "django")
