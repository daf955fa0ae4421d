"""Puts measured sections into a page between two markers, and leaves the rest to people."""

from __future__ import annotations

from pathlib import Path

from bench.place import broken


def write(file: Path, name: str, lines: list[str]) -> None:
    """Replace the section `name` whole or not at all. Raises PlatformError when the page lacks its markers."""
    begin, end = f"<!-- bench:{name} -->", f"<!-- end of bench:{name} -->"
    head, found, rest = file.read_text().partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise broken(f"{file.name} has no section between {begin} and {end}.")
    aside = file.with_suffix(".part")
    aside.write_text("\n".join([head + begin, "", *lines, "", end + tail]))
    aside.rename(file)
