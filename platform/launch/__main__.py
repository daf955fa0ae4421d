"""`python -m launch <command>`: everything that `make` calls."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from launch import doctor, down, foreground, programs, shell, up
from launch.commands import run_manage
from launch.steps import Steps
from minato.errors import MinatoError, UserError
from minato.values.config import Config


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = argparse.ArgumentParser(prog="python -m launch", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="start everything, deploy the sample app once, watch")
    run.add_argument("--detach", action="store_true", help="return when the platform is up")
    whole = commands.add_parser("up", help="start both groups and return")
    whole.add_argument("--engine", action="store_true", help="engine, registry and images alone, for driver tests")
    commands.add_parser("stop", help="end the platform and keep its data")
    commands.add_parser("clean", help="end the platform and remove everything of this namespace")
    commands.add_parser("status", help="what runs")
    commands.add_parser("doctor", help="check every part")
    commands.add_parser("login", help="print a new one-time link for the operator")
    logs = commands.add_parser("logs", help="follow the platform's own logs")
    logs.add_argument("names", nargs="*")
    for name in ("test-shell", "bench"):
        commands.add_parser(name).add_argument("argv", nargs=argparse.REMAINDER)
    return top


def _up(config: Config, wish: argparse.Namespace) -> int:
    steps = Steps()
    if wish.engine:
        up.engine_alone(config, steps)
        return 0
    link = up.up(config, steps)
    print(steps.table())
    print("\n".join(filter(None, (f"-----> Minato is up: {config.url}", link))))
    return 0


def _run(config: Config, wish: argparse.Namespace) -> int:
    return foreground.run(config, Steps(), detach=wish.detach)


def _stop(config: Config, _: argparse.Namespace) -> int:
    down.stop(config, Steps())
    return 0


def _clean(config: Config, _: argparse.Namespace) -> int:
    down.clean(config, Steps())
    return 0


def _doctor(config: Config, _: argparse.Namespace) -> int:
    return doctor.doctor(config)


def _status(config: Config, _: argparse.Namespace) -> int:
    return doctor.status(config)


def _login(config: Config, _: argparse.Namespace) -> int:
    print(run_manage(config, "ensure_operator", "--link").strip())
    return 0


def _logs(config: Config, wish: argparse.Namespace) -> int:
    known = [
        program.name for which in (programs.NODE, programs.CONTROL) for program in programs.of_group(config, which)
    ]
    files = [str(config.logs / f"{name}.log") for name in wish.names or known]
    os.execvp("tail", ["tail", "--lines", "20", "--follow=name", "--retry", *files])  # noqa: S606


def _test_shell(_: Config, wish: argparse.Namespace) -> int:
    return shell.run_inside(_command(wish.argv))


def _bench(config: Config, wish: argparse.Namespace) -> int:
    """Become a program of bench/: the first word names it, options alone mean push_to_live."""
    words = _command(wish.argv)
    named = bool(words) and not words[0].startswith("-")
    name, options = (words[0], words[1:]) if named else ("push_to_live", words)
    os.execv(sys.executable, [sys.executable, str(config.root / "bench" / f"{name}.py"), *options])  # noqa: S606


def _command(argv: list[str]) -> list[str]:
    return argv[1:] if argv[:1] == ["--"] else argv


def passed_on(argv: list[str]) -> list[str]:
    """Mark the words that are another program's: argparse would take their options for its own."""
    return [argv[0], "--", *_command(argv[1:])] if argv[:1] in (["bench"], ["test-shell"]) else argv


COMMANDS: dict[str, Callable[[Config, argparse.Namespace], int]] = {
    "run": _run,
    "up": _up,
    "stop": _stop,
    "clean": _clean,
    "doctor": _doctor,
    "status": _status,
    "login": _login,
    "logs": _logs,
    "test-shell": _test_shell,
    "bench": _bench,
}


ROOTS = frozenset({"run", "up", "stop", "clean", "test-shell"})


def require_root(command: str, user: int) -> None:
    """Raise UserError `launch:user:root` for a command that starts or ends an engine, bridges and rules."""
    if command in ROOTS and user != 0:
        raise UserError(
            code="launch:user:root",
            message=f"`{command}` needs root: it runs an engine, network bridges and packet rules of its own.",
            hint="Type it as root, for example with sudo.",
        )


def main(argv: list[str]) -> int:
    """Run one command; an error of ours is printed as its lines."""
    wish = parser().parse_args(passed_on(argv))
    try:
        require_root(wish.command, os.geteuid())
        return COMMANDS[wish.command](Config.from_env(), wish)
    except MinatoError as error:
        for line in (*error.lines(), error.code):
            print(f" !     {line}", file=sys.stderr)
    except ValueError as error:  # a setting that makes no sense: its message names it
        print(f" !     {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
