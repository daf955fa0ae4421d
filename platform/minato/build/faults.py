"""Exit codes of the phases: whose fault it is, and what to do next. Codes: platform/exit.go of the lifecycle."""

from __future__ import annotations

import re
from collections.abc import Sequence

from minato.build.lines import CLOSING, WARN, kind_of
from minato.errors import MinatoError, PlatformError, UserError

NOTHING_DETECTED, BUILDPACK_FAILED, KILLED = 20, 51, 137
SHOWN = 20  # lines of evidence
# Seen in the words of build tools whose buildpack has no words of its own.
KNOWN: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"No matching distribution found|No solution found"),
        "A package in requirements.txt does not exist or does not fit.",
    ),
    (re.compile(r"No space left on device"), "The build ran out of disk space."),
    (
        re.compile(r"certificate verify failed|UnknownIssuer", re.IGNORECASE),
        "The package index's certificate is not trusted.",
    ),
    (
        re.compile(r"Temporary failure in name resolution|dns error", re.IGNORECASE),
        "The package index could not be found by name.",
    ),
)
PLATFORM: dict[int, tuple[str, str]] = {
    3: ("arguments", "The build was started with wrong arguments."),
    11: ("api", "The builder does not speak the platform's API: the operators must update it."),
    12: ("api", "A buildpack speaks an API that the builder does not know: the operators must update it."),
    21: ("detect", "A buildpack broke while it looked at the source."),
    32: ("registry", "The registry did not answer, or lacks an image."),
    42: ("cache", "The app's build cache was unreadable."),
    62: ("export", "The image could not be written."),
}


def of(phase: str, code: int, lines: Sequence[str], *, oom: bool = False, root: Sequence[str] = ()) -> MinatoError:
    """Return the error of a phase's exit code: `lines` is its output, `root` the names at the source's root."""
    if oom or code == KILLED:
        return out_of_memory(lines)
    if code == NOTHING_DETECTED:
        return nothing_detected(lines, root)
    if code == BUILDPACK_FAILED:
        return buildpack_failed(lines)
    name, message = PLATFORM.get(code, (phase, f"The phase {phase} ended with code {code}."))
    return PlatformError(
        code=f"build:platform:{name}",
        message=message,
        hint="It is not your code. Push again; if it stays, tell the operators.",
        evidence=last(lines),
    )


def nothing_detected(lines: Sequence[str], root: Sequence[str]) -> UserError:
    looked = [line for line in lines if re.match(r"^minato/\S+ (looked for|found)", line)]
    tried = len({line.split()[0] for line in looked})
    shown = ", ".join(root[:SHOWN]) + (", …" if len(root) > SHOWN else "")
    return UserError(
        code="build:user:no-buildpack",
        message=f"None of {tried} buildpacks recognised this source."
        if tried
        else "No buildpack recognised this source.",
        evidence="\n".join([*looked, f"At the root of the source: {shown or 'nothing'}"]),
        hint="The app must lie at the root of the repository: for Python a requirements.txt, an app.py or a Procfile.",
    )


def buildpack_failed(lines: Sequence[str]) -> UserError:
    """The buildpack's own ` !     ` lines are the message; else a known pattern; else its last lines say it."""
    told = [line.removeprefix(WARN) for line in lines if line.startswith(WARN)]
    known = next((message for pattern, message in KNOWN for line in lines if pattern.search(line)), "")
    message = told[-2] if len(told) > 1 and lines and _ends_with(lines, told) else (told[-1] if told else known)
    hint = (
        told[-1]
        if told and message != told[-1]
        else "Mend it, commit and push again; the running release is untouched."
    )
    return UserError(
        code="build:user:failed", message=message or "A buildpack failed.", hint=hint, evidence=last(lines, told)
    )


def _ends_with(lines: Sequence[str], told: Sequence[str]) -> bool:
    """Say whether the last two ` !     ` lines stand together."""
    where = [number for number, line in enumerate(lines) if line.startswith(WARN)]
    return where[-1] == where[-2] + 1


def out_of_memory(lines: Sequence[str]) -> UserError:
    return UserError(
        code="build:user:memory",
        message="The build was killed: it used more memory than a build may.",
        hint="Ask for packages with ready wheels, or build less at once.",
        evidence=last(lines),
    )


def last(lines: Sequence[str], said: Sequence[str] = ()) -> str:
    """Return the last lines that say something, without their marks and without what is said already."""
    plain = [kind_of(line)[1].rstrip() for line in lines if line.strip() and not CLOSING.match(line)]
    return "\n".join([line for line in plain if line not in said][-SHOWN:])
