"""Formation rules: how many of each process type run after a change."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from minato.errors import UserError
from minato.values.process import DEFAULT_SIZE, MOST_INSTANCES, SCALE, SIZES, Formation

NOT_SCALED = frozenset({"release"})  # runs once per release, before traffic
Change = tuple[str, str, str | None]  # type, "+n" | "-n" | "=n", size


def next_formation(types: Collection[str], before: Iterable[Formation] | None) -> tuple[Formation, ...]:
    """Return the formation of an image's process types.

    The first deploy (`before` is None) runs one `web` and nothing else; later ones keep what was; a type that has
    gone from the image goes.
    """
    if before is None:
        return tuple(Formation(type=t, quantity=int(t == "web")) for t in _scaled(types))
    known = {one.type: one for one in before}
    return tuple(known.get(t, Formation(type=t, quantity=0)) for t in _scaled(types))


def _scaled(types: Collection[str]) -> list[str]:
    return sorted(set(types) - NOT_SCALED)


def parse_scale(text: str) -> Change:
    """Read `web=3:medium` or `worker+1`. Raises UserError."""
    match = SCALE.fullmatch(text)
    if match is None:
        raise UserError(
            code="scale:user:grammar",
            message=f"{text[:80]!r} is not a scale.",
            hint="Write web=2, worker+1 or web=3:large.",
        )
    return match.group(1), match.group(2), match.group(3)


def adjust(formation: Sequence[Formation], changes: Iterable[Change]) -> tuple[Formation, ...]:
    """Return `formation` with `changes` applied in order. Raises UserError for an unknown type, size or number."""
    after = {one.type: one for one in formation}
    for kind, amount, size in changes:
        if kind not in after:
            raise UserError(
                code="scale:user:unknown-type",
                message=f"There is no process type {kind[:63]}.",
                hint="This app has: " + (", ".join(sorted(after)) or "none yet; push it first"),
            )
        after[kind] = _changed(after[kind], amount, size)
    return tuple(after[one.type] for one in formation)


def _changed(one: Formation, amount: str, size: str | None) -> Formation:
    number = int(amount[1:])
    quantity = {"=": number, "+": one.quantity + number, "-": one.quantity - number}[amount[0]]
    if not 0 <= quantity <= MOST_INSTANCES:
        raise UserError(
            code="scale:user:out-of-range",
            message=f"{one.type}={quantity} is not possible.",
            hint=f"0 to {MOST_INSTANCES}.",
        )
    if size is not None and size not in SIZES:
        raise UserError(code="scale:user:unknown-size", message=f"There is no size {size[:20]}.", hint=", ".join(SIZES))
    return Formation(type=one.type, quantity=quantity, size=size or one.size or DEFAULT_SIZE)


def grows_in_place(before: Iterable[Formation], after: Iterable[Formation]) -> bool:
    """Say whether the running services only need more replicas: nothing shrinks, resizes, begins or ends."""
    was = {one.type: one for one in before}
    return all(
        one.type in was and one.size == was[one.type].size and _only_grows(was[one.type].quantity, one.quantity)
        for one in after
    )


def _only_grows(before: int, after: int) -> bool:
    return after == before or (0 < before < after)


def shown(formation: Iterable[Formation]) -> str:
    """Return `web=2 worker=1`, or `nothing`."""
    return " ".join(f"{one.type}={one.quantity}" for one in formation if one.quantity) or "nothing"
