"""Public ids: what people and machines name; integers never leave the database."""

from __future__ import annotations

import re
import secrets

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
LENGTH = 10
PATTERN = re.compile(r"^[a-z]{1,4}_[a-z2-7]{10}$")


def new_id(prefix: str) -> str:
    """Return `<prefix>_` and 10 random base32 characters (50 bits)."""
    return f"{prefix}_" + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def service_name(*, ns: str, app: str, process: str, deploy: int) -> str:
    """Return the engine's name of one process type of one deploy; at most 63 characters.

    `app` and `process` are public ids: user text never becomes a name.
    """
    name = f"{ns}-{app}-{process}-d{deploy}"
    if len(name) > 63:
        raise ValueError(f"service name over 63 characters: {name}")
    return name
