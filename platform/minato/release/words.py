"""The words that a release is described with."""

from __future__ import annotations

from collections.abc import Iterable


def short_commit(commit: str) -> str:
    return commit[:7]


def describe_config(changes: Iterable[tuple[str, bool]]) -> str:
    """Return `Set A, B`, `Remove C` or both, from (key, is set) pairs."""
    pairs = sorted(changes)
    was_set = [key for key, is_set in pairs if is_set]
    gone = [key for key, is_set in pairs if not is_set]
    parts = [f"Set {', '.join(was_set)}"] if was_set else []
    parts += [f"Remove {', '.join(gone)}"] if gone else []
    return "; ".join(parts)[:200]
