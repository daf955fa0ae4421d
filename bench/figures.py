"""Measured seconds by name, and the table that sets each stage beside its floor."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass
class Figures:
    """Samples in seconds, in the order in which their names first came."""

    samples: dict[str, list[float]] = field(default_factory=dict)

    def add(self, found: Mapping[str, float], prefix: str = "") -> None:
        for name, seconds in found.items():
            self.samples.setdefault(prefix + name, []).append(seconds)

    def median(self, *names: str) -> float:
        """Return the sum of the medians."""
        return sum(statistics.median(self.samples[name]) for name in names)

    def shown(self, name: str) -> str:
        """Return `1.23 (1.10–1.50)`: the median and the range."""
        some = self.samples[name]
        return f"{statistics.median(some):.3f} ({min(some):.3f}–{max(some):.3f})"

    def sum_shown(self, names: tuple[str, ...]) -> str:
        return self.shown(names[0]) if len(names) == 1 else f"{self.median(*names):.3f}"


@dataclass(frozen=True)
class Row:
    """One line: a stage, and the figures whose medians add up to its floor."""

    label: str
    name: str
    floor_label: str = ""
    floor: tuple[str, ...] = ()


def table(figures: Figures, rows: Iterable[Row]) -> list[str]:
    """Return the lines of a Markdown table whose columns also stand straight in a terminal."""
    cells = [("what", "seconds: median (min–max)", "floor", "seconds", "ratio")]
    cells += [_cells(figures, row) for row in rows if row.name in figures.samples]
    width = [max(len(line[column]) for line in cells) for column in range(5)]
    lines = ["| " + " | ".join(text.ljust(width[n]) for n, text in enumerate(line)) + " |" for line in cells]
    return [lines[0], "|" + "|".join("-" * (one + 2) for one in width) + "|", *lines[1:]]


def _cells(figures: Figures, row: Row) -> tuple[str, str, str, str, str]:
    if not row.floor:
        return row.label, figures.shown(row.name), "", "", ""
    ratio = figures.median(row.name) / figures.median(*row.floor)
    return row.label, figures.shown(row.name), row.floor_label, figures.sum_shown(row.floor), f"{ratio:.2f}"
