"""The database at a start: copied before anything changes its shape, then migrated."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

from launch.commands import run_manage
from launch.steps import say
from minato.values.config import Config

SQLITE = "sqlite:///"


def migrate(config: Config) -> None:
    """Bring the tables to this checkout's shape. Nothing is done when the same migrations ran last time."""
    wanted = schema_version(config)
    if _recorded(config) == wanted and _exists(config):
        return
    copy = back_up(config)
    run_manage(config, "migrate", "--no-input")
    record(config).write_text(wanted)
    if copy:
        say(f"the database was copied to {copy} before it was migrated; the way back:")
        file = _file(config)  # a log of the newer database must not be played into the older one
        back = f"rm -f {file}-wal {file}-shm && cp {copy} {file} && git checkout <the older commit>"
        say(f"make stop && {back} && make run")


def schema_version(config: Config) -> str:
    """Return 12 hex of every migration and of the locked packages, which bring migrations of their own."""
    files = sorted((config.root / "apps").glob("*/migrations/*.py"))
    whole = hashlib.sha256()
    for file in (*files, config.root / "requirements" / "run.txt"):
        whole.update(file.name.encode() + b"\0" + file.read_bytes())
    return whole.hexdigest()[:12]


def back_up(config: Config) -> Path | None:
    """Copy a database that exists; return where. An operator's own database server has its own backups."""
    if not _exists(config):
        return None
    copy = config.var / "data" / f"backup-{_recorded(config) or 'unknown'}.sqlite3"
    copy.unlink(missing_ok=True)
    with closing(sqlite3.connect(_file(config))) as database:
        database.execute("VACUUM INTO ?", (str(copy),))
    copy.chmod(0o600)
    return copy


def record(config: Config) -> Path:
    return config.var / "data" / "schema-version"


def _recorded(config: Config) -> str:
    return record(config).read_text().strip() if record(config).exists() else ""


def _file(config: Config) -> Path:
    return Path(config.database.removeprefix(SQLITE))


def _exists(config: Config) -> bool:
    return config.database.startswith(SQLITE) and _file(config).exists()
