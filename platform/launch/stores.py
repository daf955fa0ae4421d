"""Redis and the registry: their config texts. Debian's own files listen everywhere and are never used."""

from __future__ import annotations

import json
from pathlib import Path

from launch.places import ensure_secret
from minato.values.config import Config

REDIS = """port 0
unixsocket {socket}
unixsocketperm 700
dir {folder}
databases 4
maxmemory-policy noeviction
appendonly yes
appendfsync everysec
save ""
daemonize no
logfile ""
loglevel notice
"""


def redis_text(config: Config) -> str:
    """Return redis.conf: a Unix socket and no port, nothing evicted, everything since the last second on disk."""
    return REDIS.format(socket=config.redis_socket, folder=config.var / "data/redis")


def registry_text(config: Config, *, kind: str, secret: str) -> str:
    """Return the registry's config (YAML, of which JSON is a part) for `kind` "tcp" or "unix".

    Both processes serve one storage: an upload begun at one may go on at the other, so they share the secret. No cache:
    the reaper takes blobs from the folder (`drivers/registry/storage.py`), and what is gone must be gone at once.
    """
    address = config.registry if kind == "tcp" else str(config.registry_socket)
    settings = {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(config.registry_storage)},
            "delete": {"enabled": True},
        },
        "http": {"net": kind, "addr": address, "secret": secret},
    }
    return json.dumps(settings, indent=1)


def write_configs(config: Config) -> None:
    """Write all three files. They hold a secret: nobody else reads them."""
    secret = ensure_secret(config.keys / "registry")
    texts = {
        redis_file(config): redis_text(config),
        registry_file(config, "tcp"): registry_text(config, kind="tcp", secret=secret),
        registry_file(config, "unix"): registry_text(config, kind="unix", secret=secret),
    }
    for file, text in texts.items():
        file.touch(mode=0o600)
        file.write_text(text)


def redis_file(config: Config) -> Path:
    return config.run / "redis.conf"


def registry_file(config: Config, kind: str) -> Path:
    return config.run / f"registry-{kind}.yml"
