"""`python -m launch <command>`: everything that `make` calls."""

from __future__ import annotations

import argparse
import sys

from minato.errors import MinatoError

from launch import shell


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = argparse.ArgumentParser(prog="launch", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    inside = commands.add_parser("test-shell", help="run a command in namespaces of its own")
    inside.add_argument("argv", nargs=argparse.REMAINDER)
    return top


def main(argv: list[str]) -> int:
    """Run one command; an error of ours is printed as its lines."""
    chosen = parser().parse_args(argv)
    try:
        return shell.run_inside(chosen.argv[1:] if chosen.argv[:1] == ["--"] else chosen.argv)
    except MinatoError as error:
        for line in error.lines():
            print(f" !     {line}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
