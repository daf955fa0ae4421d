"""Config vars: which keys and values are allowed."""

from __future__ import annotations

import re

from minato.errors import UserError

KEY = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")
RESERVED = re.compile(r"^(PORT|PATH|LD_.*|MINATO_.*|CNB_.*)$")
LONGEST = 64 * 1024  # bytes of a value
ALL = 256 * 1024  # bytes of an app's keys and values; with 900 KB no process starts, with 1.8 MB no service is made


def check_key(key: str) -> None:
    """Raise UserError unless `key` may be set by people."""
    if not KEY.fullmatch(key):
        raise UserError(
            code="config:user:bad-key",
            message=f"{key[:128]!r} is not a name for a config var.",
            hint="Letters, digits and _, at most 128, not beginning with a digit.",
        )
    if RESERVED.match(key):
        raise UserError(
            code="config:user:reserved",
            message=f"{key} is set by the platform.",
            hint="PORT, PATH, LD_*, MINATO_* and CNB_* are reserved; choose another name.",
        )


def check_value(key: str, value: str) -> None:
    """Raise UserError for what no environment can hold."""
    if "\0" in value:
        raise UserError(code="config:user:bad-value", message=f"The value of {key} holds a NUL byte.")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        message = f"The value of {key} is no text: it holds half of a surrogate pair."
        raise UserError(code="config:user:bad-value", message=message) from None
    if size > LONGEST:
        raise UserError(code="config:user:too-long", message=f"The value of {key} is over {LONGEST // 1024} KiB.")


def check_all(size: int) -> None:
    """Raise UserError when an app's keys and values are `size` bytes together and that is too much."""
    if size > ALL:
        raise UserError(
            code="config:user:too-long",
            message=f"The config vars of this app would be over {ALL // 1024} KiB together.",
            hint="Keep large texts in a file or a store, and where to find them in the config.",
        )
