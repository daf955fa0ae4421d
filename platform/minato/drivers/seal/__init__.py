"""Secrets at rest: KEK, then a DEK per app, then AES-256-GCM with associated data. Fails closed."""

from __future__ import annotations

from typing import Protocol


class Seal(Protocol):
    """Raises PlatformError `seal:platform:*` when a key is missing, short or wrong, or a value was moved or changed."""

    def new_key(self, app: str) -> bytes:
        """Return a fresh DEK of this app, wrapped."""

    def seal(self, value: str, *, app: str, key: str, version: int, wrapped: bytes) -> bytes:
        """Encrypt with AAD `cfg|app|key|version`."""

    def open(self, sealed: bytes, *, app: str, key: str, version: int, wrapped: bytes) -> str: ...

    def fingerprint(self, value: str) -> str:
        """Return 8 hex of an HMAC with a key of this installation: compare without seeing."""
