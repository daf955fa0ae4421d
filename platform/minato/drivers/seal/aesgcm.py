"""AES-256-GCM over two keys: the installation's (`kek-1`, a file) wraps each app's own.

A sealed text is one version byte, a 12-byte nonce and the ciphertext with its tag. Everything is bound to what it is
for by associated data, so that a value moved to another app, key or version does not open.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from minato.errors import PlatformError

SIZE = 32
NONCE = 12
VERSION = b"\x01"


class AesGcmSeal:
    """The keys lie in one folder, 0700; the first process of an installation makes `kek-1`."""

    def __init__(self, keys: Path) -> None:
        self._file = keys / "kek-1"

    def new_key(self, app: str) -> bytes:
        return _encrypt(self._kek, os.urandom(SIZE), _dek_purpose(app))

    def seal(self, value: str, *, app: str, key: str, version: int, wrapped: bytes) -> bytes:
        return _encrypt(self._dek(app, wrapped), value.encode(), _purpose(app, key, version))

    def open(self, sealed: bytes, *, app: str, key: str, version: int, wrapped: bytes) -> str:
        return _decrypt(self._dek(app, wrapped), sealed, _purpose(app, key, version)).decode()

    def fingerprint(self, value: str) -> str:
        derived = hmac.new(self._kek, b"minato fingerprint", hashlib.sha256).digest()
        return hmac.new(derived, value.encode(), hashlib.sha256).hexdigest()[:8]

    @functools.cached_property
    def _kek(self) -> bytes:
        return _read_or_make(self._file)

    def _dek(self, app: str, wrapped: bytes) -> bytes:
        dek = _decrypt(self._kek, bytes(wrapped), _dek_purpose(app))
        if len(dek) != SIZE:
            raise PlatformError(code="seal:platform:short-key", message=f"The key of {app} has {len(dek)} bytes.")
        return dek


def _purpose(app: str, key: str, version: int) -> bytes:
    """Return the AAD; `|` cannot occur in an id or a config key."""
    return f"cfg|{app}|{key}|{version}".encode()


def _dek_purpose(app: str) -> bytes:
    return f"dek|{app}|kek-1".encode()


def _encrypt(key: bytes, plain: bytes, purpose: bytes) -> bytes:
    nonce = os.urandom(NONCE)
    return VERSION + nonce + AESGCM(key).encrypt(nonce, plain, purpose)


def _decrypt(key: bytes, sealed: bytes, purpose: bytes) -> bytes:
    sealed = bytes(sealed)
    if len(sealed) <= 1 + NONCE or not sealed.startswith(VERSION):
        raise PlatformError(code="seal:platform:malformed", message="A sealed value is empty or of an unknown version.")
    try:
        return AESGCM(key).decrypt(sealed[1 : 1 + NONCE], sealed[1 + NONCE :], purpose)
    except InvalidTag as error:
        raise PlatformError(
            code="seal:platform:refused",
            message="A sealed value does not open: it was changed or moved, or the key is another one.",
            hint="Restore var/keys/kek-1 of this installation.",
        ) from error


def _read_or_make(file: Path) -> bytes:
    """Return the key's 32 bytes; whoever comes first makes it, everybody reads the same."""
    if not file.exists():
        _make(file)
    key = file.read_bytes()
    if len(key) != SIZE:
        raise PlatformError(
            code="seal:platform:short-key",
            message=f"{file.name} has {len(key)} bytes, not {SIZE}.",
            hint="Restore it from a backup of var/keys: without it no config opens.",
        )
    return key


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(os.urandom(SIZE))
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(aside, file)
    except FileExistsError:
        return  # another process was first: its key counts
    finally:
        aside.unlink()
