"""git's command lines and environment: every setting is given here, none is read from a file.

Settings and their reasons: notes/ingest.md 1.4 and 1.5. All paths are generated ids.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

PACK_LIMIT = 512 * 1024 * 1024
"""Bytes of one pushed pack."""

ZERO = "0" * 40
COMMIT = re.compile(r"^[0-9a-f]{40}\Z")
PROTOCOL = re.compile(r"^[0-9a-z]+=[0-9a-z]+(:[0-9a-z]+=[0-9a-z]+)*\Z")

ATTRIBUTES = "* -export-ignore -export-subst -text -eol -ident -filter -working-tree-encoding\n"
"""What a checkout of the blobs gives: `git archive` would drop and rewrite files otherwise."""

# Honest old repositories have these; everything else that fsck calls an error refuses the push.
TOLERATED = (
    "zeroPaddedDate",
    "zeroPaddedFilemode",
    "badTimezone",
    "badDate",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
)

COMMON = {
    "safe.directory": "*",
    "core.bigFileThreshold": "16m",
    "core.packedGitWindowSize": "32m",
    "core.packedGitLimit": "256m",
    "pack.threads": "1",
    "gc.auto": "0",
    "protocol.allow": "never",
}

RECEIVE = {
    "receive.procReceiveRefs": "refs",
    "receive.fsckObjects": "true",
    "receive.maxInputSize": str(PACK_LIMIT),
    "receive.keepAlive": "5",
    "receive.unpackLimit": "1",
    "receive.shallowUpdate": "true",
    "receive.advertisePushOptions": "true",
    "receive.autogc": "false",
    "transfer.hideRefs": "refs/minato",
    **{f"receive.fsck.{name}": "warn" for name in TOLERATED},
}

UPLOAD = {"transfer.hideRefs": "refs/minato", "uploadpack.keepAlive": "5", "pack.windowMemory": "64m"}


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the whole environment of a git process; nothing of ours is inherited."""
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        **(extra or {}),
    }


def git(settings: Mapping[str, str], *arguments: str) -> list[str]:
    """Return git with its settings on the command line."""
    flags = [part for key, value in {**COMMON, **settings}.items() for part in ("-c", f"{key}={value}")]
    return ["git", *flags, *arguments]


def inside(repository: Path, *arguments: str) -> list[str]:
    """Return git at work in one repository, without hooks."""
    return git({"core.hooksPath": "/dev/null"}, "--git-dir", str(repository), *arguments)


def service(name: str, repository: Path, hooks: Path, *, advertise: bool) -> list[str]:
    """Return the server side of a push (`receive-pack`) or fetch (`upload-pack`) over smart HTTP."""
    settings = {"core.hooksPath": str(hooks), **(RECEIVE if name == "receive-pack" else UPLOAD)}
    flags = ["--stateless-rpc", *(["--http-backend-info-refs"] if advertise else [])]
    return git(settings, name, *flags, str(repository))


def protocol(header: str) -> dict[str, str]:
    """Return GIT_PROTOCOL for a `Git-Protocol` header; anything outside the safe pattern is dropped."""
    return {"GIT_PROTOCOL": header} if len(header) <= 100 and PROTOCOL.match(header) else {}
