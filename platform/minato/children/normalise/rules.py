"""What an entry of a source may be, and the words for what it may not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, NoReturn

BLOCK = 512
CHUNK = 1024 * 1024
HEADER = 64 * 1024  # bytes of one pax or long-name header
NAME, PART = 4000, 255
RATIO, FREE = 200, 64 * 1024**2  # decompressed bytes may exceed 64 MiB only within this ratio
LFS = b"version https://git-lfs.github.com/spec/v1"
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")
FILE, FOLDER, LINK = "file", "folder", "link"
AGAIN = "Send a tar, a tar.gz or a zip, made anew."
RULES = {  # the name completes `receive:user:<name>`: message, hint
    "archive": ("The archive cannot be read: {}.", AGAIN),
    "dot-git": ("The archive holds a .git folder.", "Make it with `git archive HEAD`, or `tar --exclude=.git`."),
    "empty": ("The source has no files.", "Send an archive with your app's files at its top."),
    "encrypted": ("The archive is encrypted.", "Make it without a password."),
    "hard-link": ("The archive holds hard links.", "Make it with `tar --hard-dereference`."),
    "lfs": (
        "Some files are Git LFS pointers, not their content.",
        "Store them in git itself: `git lfs migrate export`.",
    ),
    "name": ("A name in the source {}.", "Rename it, then send it again."),
    "ratio": (f"The archive opens to more than {RATIO} times its size.", "Leave generated data out of it."),
    "sparse": ("The archive holds sparse files.", "Make it without --sparse."),
    "special-file": ("The archive holds a device, a pipe or another special file.", "Leave it out."),
    "symlink": ("A symbolic link leads outside the source.", "Replace it by a copy of the file."),
    "too-large": ("The source is larger than {} MiB unpacked.", "Leave large data and dependencies out of it."),
    "too-many-files": ("The source has more than {} files and folders.", "Leave dependencies out of it."),
}


class Refused(Exception):  # noqa: N818 - an outcome, not a fault
    """One of `RULES`; `what` completes its message, the evidence names the file."""

    def __init__(self, name: str, what: object = "", evidence: str = "") -> None:
        message, hint = RULES[name]
        super().__init__(message.format(what))
        code = f"receive:user:{name}"
        self.report = {"code": code, "message": message.format(what), "hint": hint, "evidence": evidence}


def malformed(what: str) -> Refused:
    return Refused("archive", what)


def too_large(limit: int) -> Refused:
    return Refused("too-large", limit // 1024**2)


class Member(NamedTuple):
    """One entry as the archive tells it; `read` gives the content once."""

    name: str
    kind: str
    size: int = 0
    executable: bool = False
    target: str = ""
    read: Callable[[int], bytes] = lambda size: b""


def whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise malformed("it has a size that is no number")
    return int(text)


def shown(name: str) -> str:
    """Return a name for people, control characters and stray bytes escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in name)[:200]


def bad_name(name: str, why: str) -> NoReturn:
    raise Refused("name", why, shown(name))


def clean(name: str) -> str:
    """Return a relative path without `.` parts; "" is the root itself."""
    if UNSAFE.search(name) or not is_utf8(name):
        bad_name(name, "has a backslash, a control character or is not UTF-8")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or (parts and re.match(r"^[A-Za-z]:$", parts[0])):
        bad_name(name, "leads outside")
    if any(len(part.encode()) > PART for part in parts) or len(name.encode()) > NAME:
        bad_name(name, "is too long")
    if parts and parts[0].lower() == ".git":
        raise Refused("dot-git")
    return "/".join(parts)


def is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_link(name: str, target: str) -> None:
    """Refuse a symlink that leaves the source. `..` may only come first: then no other link can change its meaning."""
    parts = [part for part in target.split("/") if part not in ("", ".")]
    ups = next((at for at, part in enumerate(parts) if part != ".."), len(parts))
    outside = not target or target.startswith("/") or ups > name.count("/") or ".." in parts[ups:]
    if outside or UNSAFE.search(target) or not is_utf8(target) or len(target) > NAME:
        raise Refused("symlink", evidence=f"{shown(name)} -> {shown(target)}")
