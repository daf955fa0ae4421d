"""Which refs of a push are accepted, and which one is deployed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from minato.values.source import RefChange

LONGEST = 200
HEADS = "refs/heads/"
# Letters and digits of any script, and the signs that people use; no quotes, spaces, `$`, `;`, `<` or backticks.
NAME = re.compile(r"^refs/(heads|tags)/[\w][\w./@#+=,-]*\Z")


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What is to be done with one ref. `reason` refuses it; `note` is said to the pusher."""

    change: RefChange
    deploys: bool = False
    reason: str = ""
    note: str = ""


def short(ref: str) -> str:
    """Return `main` for `refs/heads/main`, `v1` for `refs/tags/v1`."""
    return ref.split("/", 2)[-1]


def judge(changes: Sequence[RefChange], deploys_from: Callable[[str], bool], *, atomic: bool) -> list[Judgement]:
    """Judge every ref before anything starts; in an atomic push one refusal refuses all."""
    found = _one_deploy([_judge(change, deploys_from) for change in changes])
    if atomic and any(j.reason for j in found):
        return [j if j.reason else _refuse(j.change, "atomic push: another ref was refused") for j in found]
    return found


def _judge(change: RefChange, deploys_from: Callable[[str], bool]) -> Judgement:
    if not change.ref.startswith((HEADS, "refs/tags/")):
        return _refuse(change, "only branches and tags are kept")
    if len(change.ref) > LONGEST or not NAME.match(change.ref):
        return _refuse(change, "this name is not allowed: use letters, digits and . _ / - + @ # = ,")
    name = short(change.ref)
    if change.ref.startswith(HEADS) and deploys_from(name):
        return (
            _refuse(change, "the deploy branch cannot be deleted")
            if change.deletes
            else Judgement(change=change, deploys=True)
        )
    return Judgement(change=change, note=f"{name} deleted" if change.deletes else f"{name} is stored, not deployed")


def _one_deploy(found: list[Judgement]) -> list[Judgement]:
    """Refuse all but the first deploy branch: main and master in one push cannot both be what runs."""
    first = next((j for j in found if j.deploys), None)
    extra = "one deploy at a time: push this branch on its own"
    return [_refuse(j.change, extra) if j.deploys and j is not first else j for j in found]


def _refuse(change: RefChange, reason: str) -> Judgement:
    return Judgement(change=change, reason=reason)


def undeployed(found: Sequence[Judgement], reason: str, *, atomic: bool) -> list[Judgement]:
    """Return the judgements after the deploy ended badly: its ref is refused, with `atomic` all are."""
    return [
        replace(j, reason=reason if j.deploys else "atomic push: the deploy failed") if j.deploys or atomic else j
        for j in found
    ]


def verdicts(found: Sequence[Judgement]) -> dict[str, str]:
    """Return "ok" or the reason, by ref."""
    return {j.change.ref: j.reason or "ok" for j in found}
