"""The words of a build or deploy, in the stream and in the store: the same lines under the same ids."""

from __future__ import annotations

from datetime import datetime

from minato.values.log import Line

LEVELS = {"head": "info", "body": "", "warn": "warning"}
KINDS = {level: kind for kind, level in LEVELS.items()}
PREFIXES = {"head": "-----> ", "body": "       ", "warn": " !     "}


def stored(*, app: str, stream: str, id: str, kind: str, text: str, at: datetime) -> Line | None:
    """Return what the store keeps of one entry of `build:<uid>` or `deploy:<uid>`; None for phase, build and end.

    `app` and `stream` are public ids, `stream` of the build or the deploy; `id` is the entry's `<fence>-<seq>`.
    """
    if kind not in LEVELS:
        return None
    process = "build" if stream.startswith("b_") else "deploy"
    return Line(id=id, at=at, app=app, source="build", process=process, text=text, build=stream, level=LEVELS[kind])


def entry(line: Line) -> dict[str, str]:
    """Return a stored line as the stream had it."""
    return {"k": KINDS.get(line.level, "body"), "t": line.text}


def printed(fields: dict[str, str]) -> str:
    """Return an entry as a pusher reads it, or "" for what is not printed."""
    prefix = PREFIXES.get(fields.get("k", ""))
    return f"{prefix}{fields.get('t', '')}".rstrip() if prefix is not None else ""
