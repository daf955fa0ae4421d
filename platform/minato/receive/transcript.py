"""What a pusher reads: header, body and warning lines, and the last word about a ref."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

LONGEST = 4096
PREFIX = {"head": "-----> ", "body": "       ", "warn": " !     "}
# Escape sequences of terminals (CSI, OSC, two-character), then every other control character but the tab.
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a deploy ended, as its row says."""

    state: str
    number: int
    code: str = ""
    message: str = ""
    hint: str = ""
    evidence: str = ""
    build: int = 0


def plain(text: str) -> str:
    """Return one line that cannot drive a terminal."""
    return CONTROLS.sub("", ESCAPES.sub("", text))[:LONGEST]


def line(kind: str, text: str) -> str:
    """Return a line of the transcript; kind is head, body or warn."""
    return PREFIX[kind] + plain(text)


def spoken(entry: Mapping[str, str]) -> str | None:
    """Return a stream entry as a line; None for what only pages show (phase, build, end)."""
    kind = entry.get("k", "")
    return line(kind, entry.get("t", "")) if kind in PREFIX else None


def reason(outcome: Outcome, *, branch: str, current: str) -> str:
    """Return why the ref is refused, short enough for git's one line."""
    if outcome.state == "cancelled":
        return "cancelled"
    if outcome.code == "deploy:user:stale":
        return f"stale: {branch} moved to {current[:7]}, fetch first"
    stage, _, name = outcome.code.partition(":")
    if stage == "build":
        return f"build #{outcome.build} failed" if outcome.build else "build failed"
    if stage == "release" and "phase" in name:
        return "release phase failed"
    return f"deploy d{outcome.number} failed"


def rejection(message: str, evidence: str = "", hint: str = "") -> list[str]:
    """Return the ` !     Push rejected, …` lines: cause, evidence, next command."""
    cause = message[:1].lower() + message[1:] if message[1:2].islower() else message
    rows = [f"Push rejected, {cause}", *evidence.splitlines(), *hint.splitlines()]
    return [line("warn", row) for row in rows if row]
