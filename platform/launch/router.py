"""`python -m launch.router`: HAProxy from the state file, in the foreground, without control plane and without engine.

It becomes HAProxy, so whoever supervises it supervises that. Its log is `var/log/router.log`, one line per request.
"""

from __future__ import annotations

import grp
import logging
import os
import pwd
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from minato.errors import PlatformError
from minato.route import haproxy, pages, plan, statefile
from minato.route.plan import Table
from minato.values.config import Config

USER = "haproxy"  # made by the distribution's package
log = logging.getLogger(__name__)


def main() -> int:
    """Write what HAProxy starts from and become it; returns only by an error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    config = Config.from_env()
    folder = prepare(config)
    become(folder, log_file=config.logs / "router.log")
    return 1


def prepare(config: Config) -> Path:
    """Write configuration, maps and pages; return their folder."""
    folder = config.router_socket.parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    table = kept_table(config)
    for name in haproxy.MAPS:
        _write(folder / name, map_text(table.maps.get(name, {})))
    _write(folder / haproxy.PAGES, map_text(pages.table()))
    _write(folder / "haproxy.cfg", haproxy.config_text(settings(config, _certificate(config, folder)), table.servers))
    return folder


def settings(config: Config, certificate: str = "") -> haproxy.Settings:
    """Return what the configuration is made of on this machine."""
    return haproxy.Settings(
        socket=str(config.router_socket),
        binds=(f"{_brackets(config.bind)}:{config.ports.router}",),
        slots=config.slots,
        certificate=certificate,
        first_byte=config.times.first_byte,
        user=USER if os.geteuid() == 0 and _exists(USER) else "",
    )


def kept_table(config: Config) -> Table:
    """Return what the state file keeps; a broken file starts an empty router, which the agent fills."""
    try:
        kept = statefile.read(config.router_state)
    except (ValueError, KeyError, TypeError) as error:
        log.error("the state file is not readable, starting empty: %s", error)
        return Table()
    return plan.table(kept.state, kept.servers, slots=config.slots)


def become(folder: Path, *, log_file: Path) -> None:
    """Replace this process by HAProxy, its standard output appended to the log file."""
    program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    if not program:
        raise PlatformError(
            code="router:platform:no-haproxy",
            message="There is no haproxy on this machine.",
            hint="apt-get install haproxy",
        )
    log_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    out = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(out, sys.stdout.fileno())
    os.execv(program, [program, "-W", "-db", "-C", str(folder), "-f", "haproxy.cfg"])  # noqa: S606


def map_text(content: Mapping[str, str]) -> str:
    """Return a map as HAProxy reads it: key, space, value."""
    return "".join(f"{key} {value}\n" for key, value in sorted(content.items()))


def _certificate(config: Config, folder: Path) -> str:
    """Return a file with chain and key together, as HAProxy wants it; "" without TLS."""
    if not config.tls_cert:
        return ""
    _write(folder / "tls.pem", Path(config.tls_cert).read_text() + "\n" + Path(config.tls_key).read_text())
    return "tls.pem"


def _write(file: Path, text: str) -> None:
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)


def _brackets(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _exists(user: str) -> bool:
    try:
        return bool(pwd.getpwnam(user) and grp.getgrnam(user))
    except KeyError:
        return False


if __name__ == "__main__":
    sys.exit(main())
