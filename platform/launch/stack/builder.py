"""The layer that makes a build image a builder: lifecycle, buildpacks, order, uv, the machine's index settings."""

from __future__ import annotations

import configparser
import os
import tarfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from launch.stack.recipe import Account

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
PHASES = ("analyzer", "detector", "restorer", "builder", "exporter", "rebaser", "creator", "extender")
# Each tool has a name of its own for the bundle that the machine's is mounted over; measured for uv, pip and urllib.
TRUST = {
    name: BUNDLE
    for name in (
        "SSL_CERT_FILE",
        "PIP_CERT",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "NODE_EXTRA_CA_CERTS",
        "CARGO_HTTP_CAINFO",
    )
} | {"UV_SYSTEM_CERTS": "1"}
GROUPS = ((("minato/ca-certificates", True), ("minato/python", False), ("minato/procfile", True)),)
Members = Iterator[tuple[tarfile.TarInfo, bytes]]


def index_settings(env: Mapping[str, str], pip_conf: str) -> dict[str, str]:
    """Return the machine's package index for pip and uv, from its environment or its pip.conf; {} for the default."""
    conf = configparser.ConfigParser(interpolation=None)
    conf.read_string(pip_conf)
    settings: dict[str, str] = {}
    for pip, uv, option in (
        ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "index-url"),
        ("PIP_EXTRA_INDEX_URL", "UV_INDEX", "extra-index-url"),
    ):
        url = env.get(uv) or env.get(pip) or conf.get("global", option, fallback="")
        settings |= {pip: " ".join(url.split()), uv: " ".join(url.split())} if url else {}
    return settings


def machine_settings() -> dict[str, str]:
    """Return what `index_settings` finds on this machine."""
    for file in (Path(os.environ.get("PIP_CONFIG_FILE", "/etc/pip.conf")), Path("~/.config/pip/pip.conf").expanduser()):
        if file.is_file():
            return index_settings(os.environ, file.read_text())
    return index_settings(os.environ, "")


def members(
    *, lifecycle: Path, buildpacks: Path, uv: Path, settings: Mapping[str, str], account: Account, epoch: int
) -> Members:
    """Yield the layer's entries in a fixed order, all dated `epoch`; only the work folders belong to the build user."""
    maker = _Maker(epoch)
    for folder in ("cnb", "cnb/lifecycle", "cnb/buildpacks", "cnb/build-config", "cnb/build-config/env"):
        yield maker.folder(folder)
    for name in ("lifecycle", "launcher"):
        yield maker.file(f"cnb/lifecycle/{name}", (lifecycle / name).read_bytes(), 0o755)
    for phase in PHASES:
        yield maker.link(f"cnb/lifecycle/{phase}", "lifecycle")
    yield from _buildpacks(maker, buildpacks)
    yield maker.file("cnb/order.toml", order(buildpacks).encode())
    for name, value in sorted({**TRUST, **settings}.items()):
        yield maker.file(f"cnb/build-config/env/{name}", value.encode())
    yield maker.file("usr/local/bin/uv", uv.read_bytes(), 0o755)
    for folder in ("workspace", "layers", "cache", "platform"):
        yield maker.folder(folder, account)


def order(buildpacks: Path) -> str:
    """Return order.toml: the groups that detection tries, with the versions in this tree."""
    lines = []
    for group in GROUPS:
        lines.append("[[order]]")
        for name, optional in group:
            told = _told(buildpacks / name.partition("/")[2])
            lines += [
                "[[order.group]]",
                f'id = "{name}"',
                f'version = "{told[1]}"',
                f"optional = {str(optional).lower()}",
            ]
    return "\n".join(lines) + "\n"


def _told(buildpack: Path) -> tuple[str, str]:
    told = tomllib.loads((buildpack / "buildpack.toml").read_text())["buildpack"]
    return told["id"], told["version"]


def _buildpacks(maker: _Maker, root: Path) -> Members:
    """Yield every buildpack as the lifecycle looks for it, with the shared module in its lib."""
    for file in sorted(root.glob("*/buildpack.toml")):
        name, version = _told(file.parent)
        top = f"cnb/buildpacks/{name.replace('/', '_')}"
        yield maker.folder(top)
        yield maker.folder(f"{top}/{version}")
        for path in sorted(file.parent.rglob("*")):
            if "__pycache__" not in path.parts:
                inside = f"{top}/{version}/{path.relative_to(file.parent)}"
                yield (
                    maker.folder(inside)
                    if path.is_dir()
                    else maker.file(inside, path.read_bytes(), path.stat().st_mode & 0o755)
                )
        yield maker.file(f"{top}/{version}/lib/cnb.py", (root / "cnb.py").read_bytes())


class _Maker:
    """Entries that are the same on every machine."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def folder(self, name: str, owner: Account | None = None) -> tuple[tarfile.TarInfo, bytes]:
        info = self._info(name, tarfile.DIRTYPE, 0o755)
        if owner:
            info.uid, info.gid = owner.id, owner.gid
        return info, b""

    def file(self, name: str, content: bytes, mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
        return self._info(name, tarfile.REGTYPE, mode | 0o444), content

    def link(self, name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
        info = self._info(name, tarfile.SYMTYPE, 0o777)
        info.linkname = target
        return info, b""

    def _info(self, name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.mtime = kind, mode, self.epoch
        return info
