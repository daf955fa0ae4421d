"""The folders of one platform with their modes, and the whole environment of its processes."""

from __future__ import annotations

import os
import pwd
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from minato.values.config import Config, Times

# What the machine itself decides and no platform does: where packages come from, and whom TLS trusts.
MACHINE = (
    "PIP_",
    "UV_",
    "GO",
    "SSL_CERT_",
    "NIX_SSL_",
    "GIT_SSL_",
    "CURL_CA_",
    "REQUESTS_CA_",
    "npm_config_",
    "NODE_EXTRA_CA_",
)
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PRIVATE, PASSABLE, OPEN = 0o700, 0o711, 0o755


def folders(config: Config) -> dict[Path, int]:
    """Return every folder with its mode, parents first. A container mounts run/registry, so that one is open."""
    var = config.var
    private = [
        config.keys,
        config.logs,
        var / "data",
        config.repos,
        config.blobs,
        var / "data/redis",
        config.registry_storage,
        var / "data/telemetry",
    ]
    sockets = [config.engine_socket, config.redis_socket, config.router_socket, config.hook_socket]
    return {
        var: PASSABLE,
        config.run: PASSABLE,
        **dict.fromkeys(private, PRIVATE),
        **{socket.parent: PRIVATE for socket in sockets},
        config.registry_socket.parent: OPEN,
        config.engine_home.parent: PASSABLE,  # a remapped data root needs o+x on every parent
        config.engine_home: PASSABLE,
    }


def make_folders(config: Config) -> None:
    """Create what is missing and put the modes right."""
    for folder, mode in folders(config).items():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)


def ensure_secret(file: Path) -> str:
    """Return the secret in a file; make it, for us alone, if it is missing or half written."""
    if not file.exists() or not file.read_text():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(48))
    return file.read_text()


def node_token(config: Config) -> Path:
    """Return the file with the token by which this machine's agent shows who it is."""
    return config.keys / f"node-{config.node}"


def environment(config: Config, outer: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the whole environment of every process of the platform: nothing else is inherited."""
    home = outer.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir
    return {
        **{name: value for name, value in outer.items() if name.startswith(MACHINE) or name in PROXIES},
        **_settings(config),
        **{name: outer[name] for name in ("MINATO_INTERNAL_URL", "TMPDIR") if name in outer},
        "DJANGO_SETTINGS_MODULE": "controlplane.settings",
        "PYTHONUNBUFFERED": "1",
        "PYTHONNOUSERSITE": "1",
        "LANG": "C.UTF-8",
        "HOME": home,
        "PATH": _path(outer.get("PATH", "")),
    }


def _settings(config: Config) -> dict[str, str]:
    """Spell the Config as the variables from which `Config.from_env` makes the same Config."""
    chosen = {
        "MINATO_ROOT": str(config.root),
        "MINATO_NS": config.ns,
        "MINATO_VAR": str(config.var),
        "MINATO_CACHE": str(config.cache),
        "MINATO_ENGINE_HOME": str(config.engine_home),
        "MINATO_BIND": config.bind,
        "MINATO_URL": config.url,
        "MINATO_APPS_DOMAIN": config.apps_domain,
        "MINATO_PORT": str(config.ports.web),
        "MINATO_SLOTS": str(config.slots),
        "MINATO_DATABASE": config.database,
        "MINATO_TLS_CERT": config.tls_cert,
        "MINATO_TLS_KEY": config.tls_key,
    }
    usual = Times()
    times = {
        f"MINATO_TIME_{name.upper()}": str(value)
        for name, value in vars(config.times).items()
        if value != getattr(usual, name)
    }
    return {**{name: value for name, value in chosen.items() if value}, **times}


def _path(outer: str) -> str:
    """Put the virtual environment first, keep the caller's own, and add where Debian keeps daemons."""
    wanted = [str(Path(sys.executable).parent), *outer.split(":"), *SYSTEM_PATH.split(":")]
    return ":".join(dict.fromkeys(filter(None, wanted)))
