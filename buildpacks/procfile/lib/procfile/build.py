"""Declare one process per line."""

from __future__ import annotations

import cnb

from procfile.grammar import BadLineError, parse


def main() -> None:
    cnb.head("Discovering process types")
    try:
        found = parse((cnb.app_dir() / "Procfile").read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        cnb.fail("The Procfile is not UTF-8 text.")
    except BadLineError as error:
        cnb.fail(str(error))
    for warning in found.warnings:
        cnb.warn(warning)
    cnb.body(f"Procfile declares types -> {', '.join(found.processes) or '(none)'}")
    cnb.write_processes([process(kind, line, found.processes) for kind, line in found.processes.items()])


def process(kind: str, line: str, every: dict[str, str]) -> dict[str, object]:
    """Return one process: a line of a Procfile is bash by definition. The default is web, or the only one."""
    default = kind == "web" or len(every) == 1
    return {"type": kind, "command": ["bash", "-c"], "args": [line], "default": default}
