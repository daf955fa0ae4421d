"""The release phase: the image's `release` process, once, with the new config, before any traffic."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from django.utils.translation import gettext as _

from apps.deploys.hold import Hold, after
from apps.deploys.spec import labels_of, release_of, spec_of
from minato.errors import PlatformError, UserError
from minato.schedule import environment, labels
from minato.schedule.workload import USER
from minato.values.engine import Container, Instance
from minato.values.ids import service_name
from minato.values.process import DEFAULT_SIZE, SIZES

PHASE = "release"
TURN = 0.3  # seconds between two looks at the row


def run_phase(hold: Hold) -> None:
    """Run it, or adopt the one that a lost worker started. Raises UserError when it ends with another code than 0."""
    command = release_of(hold.deploy).processes.get(PHASE)
    if command is None or hold.deploy.progress.get("phase") == "done":
        return
    code = _adopted(hold)
    if code is None:
        hold.write(deadline=after(hold.config.times.release_phase))
        hold.voice.head(_("Release phase: %(command)s") % {"command": command})
        code = _wait(hold, _start(hold))
    if code != 0:
        raise _failed(hold, code)
    hold.remember(phase="done")
    _remove(hold)


def _failed(hold: Hold, code: int) -> UserError:
    _remove(hold)
    return UserError(
        code="release:user:phase-failed",
        message=_("the release phase ended with code %(code)d") % {"code": code},
        hint=_("Its output is above; the old release goes on serving."),
    )


def _found(hold: Hold) -> Instance | None:
    mine = hold.drivers.engine.instances({**labels_of(hold.deploy), "minato.process": PHASE})
    return mine[0] if mine else None


def _adopted(hold: Hold) -> int | None:
    """Return the exit code of a phase that ended while no worker looked."""
    found = _found(hold)
    return found.exit_code if found is not None and found.state in ("exited", "dead") else None


def _start(hold: Hold) -> str:
    spec = spec_of(hold.deploy)
    hold.drivers.engine.pull(spec.image)
    return hold.drivers.engine.start(
        Container(
            name=service_name(ns=spec.ns, app=spec.app, process=PHASE, deploy=spec.deploy),
            image=spec.image,
            command=(f"/cnb/process/{PHASE}",),
            labels=labels(spec, PHASE),
            limits=SIZES[DEFAULT_SIZE],
            env=environment(spec, process=PHASE, name=f"{PHASE}.1"),
            user=USER,
            network="bridge",
        )
    )


def _wait(hold: Hold, container: str) -> int:
    """Tell its output as it comes, and look at the row meanwhile. Raises on cancel, a lost lease or the deadline."""
    engine = hold.drivers.engine
    reader = threading.Thread(target=_tell, args=(engine.follow(container), hold.voice.body), daemon=True)
    reader.start()
    while (code := engine.wait(container, timeout=TURN)) is None:
        hold.look()
        if hold.late:
            engine.remove_container(container)
            raise UserError(
                code="release:user:phase-timeout",
                message=_("the release phase took over %(minutes)d minutes")
                % {"minutes": hold.config.times.release_phase // 60},
                hint=_("Move long work to a worker process."),
            )
    reader.join(timeout=2)
    return code


def _tell(output: Iterable[bytes], say: Callable[[str], None]) -> None:
    """Say raw output line by line; what the engine cannot tell any more is left out."""
    rest = b""
    try:
        for chunk in output:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                say(_text(line))
    except PlatformError as error:
        say(error.message)
    if rest:
        say(_text(rest))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").rstrip("\r")


def _remove(hold: Hold) -> None:
    found = _found(hold)
    if found is not None:
        hold.drivers.engine.remove_container(found.container)
