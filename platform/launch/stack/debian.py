"""Debian trees: mmdebstrap for the base, `apt-get` in an overlay for what lies over it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from launch import mounts
from launch.progress import Say, step
from launch.stack import layer
from launch.stack.recipe import Recipe
from minato.errors import PlatformError

DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9)}
INSTALL = [
    "apt-get",
    "install",
    "-y",
    "--no-install-recommends",
    "-o",
    "Dpkg::Use-Pty=0",
    "-o",
    "APT::Sandbox::User=root",
]


# -- the machine's mirror -----------------------------------------------------------------------------------------


def mirrors(apt: Path, codename: str) -> tuple[str, str]:
    """Return the URIs of the machine's own archive and of its security archive ("" when there is none)."""
    found = {suite: uri for uri, suite in _sources(apt)}
    if codename not in found:
        raise PlatformError(
            code="build:platform:no-mirror",
            message=f"No Debian mirror for {codename} in {apt}/sources.list*.",
            hint="Minato builds its images from the mirror that this machine's apt uses: it must be Debian.",
        )
    return found[codename], found.get(f"{codename}-security", "")


def _sources(apt: Path) -> Iterator[tuple[str, str]]:
    """Yield (URI, suite) of every binary source that has the component main."""
    for file in [apt / "sources.list", *sorted(apt.glob("sources.list.d/*.list"))]:
        for line in file.read_text().splitlines() if file.is_file() else []:
            match = re.match(r"^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s.*\bmain\b", line)
            if match:
                yield match[1], match[2]
    for file in sorted(apt.glob("sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", file.read_text()):
            yield from _stanza(stanza)


def _stanza(stanza: str) -> Iterator[tuple[str, str]]:
    fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", stanza, re.MULTILINE))
    if "deb" in fields.get("Types", "").split() and "main" in fields.get("Components", "").split():
        for uri in fields.get("URIs", "").split():
            yield from ((uri, suite) for suite in fields.get("Suites", "").split())


def codename() -> str:
    """Return the release this machine runs, e.g. bookworm."""
    match = re.search(r"^VERSION_CODENAME=\"?(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    return match[1] if match else ""


def source_lines(suite: str, archive: str, security: str) -> list[str]:
    lines = [f"deb {archive} {suite} main", f"deb {archive} {suite}-updates main"]
    return [*lines, f"deb {security} {suite}-security main"] if security else lines


# -- trees --------------------------------------------------------------------------------------------------------


def build(recipe: Recipe, folder: Path, say: Say) -> None:
    """Write `<layer>.tar.gz` and its JSON for every layer of the recipe into the folder; about 40 s."""
    work = folder / "work"
    work.mkdir()
    began = time.time()
    trees = {}
    for name, wanted in recipe.layers.items():
        tree = trees[name] = work / name
        with step(say, f"{recipe.suite}: layer {name}"):
            if wanted.over:
                _over(recipe, name, wanted.packages, trees, work)
            else:
                _base(recipe, wanted.packages, tree)
            layer.write(tree, folder / f"{name}.tar.gz", epoch=recipe.epoch, began=began)
    shutil.rmtree(work)


def _base(recipe: Recipe, packages: Sequence[str], tree: Path) -> None:
    archive, security = mirrors(Path("/etc/apt"), codename())
    argv = [
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        "--format=directory",
        f"--include={','.join(packages)}",
    ]
    # The lists stay for the layers above; the image leaves them out.
    argv += ["--skip=cleanup/apt", recipe.suite, str(tree), *source_lines(recipe.suite, archive, security)]
    _run(argv, env={**_ENV, "SOURCE_DATE_EPOCH": str(recipe.epoch)})
    _accounts(recipe, tree)
    (tree / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (tree / "usr/sbin/policy-rc.d").chmod(0o755)


def _accounts(recipe: Recipe, tree: Path) -> None:
    first = next(iter(recipe.accounts.values()))
    _run(["chroot", str(tree), "groupadd", "-g", str(first.gid), recipe.group])
    for who in recipe.accounts.values():
        made = ["-u", str(who.id), "-g", str(who.gid), "-m", "-d", who.home, "-s", "/bin/bash", who.name]
        _run(["chroot", str(tree), "useradd", *made])
    shadow = tree / "etc/shadow"
    shadow.write_text(undated(shadow.read_text(), recipe.epoch // 86400))


def undated(shadow: str, day: int) -> str:
    """Return /etc/shadow with every password changed on one day: the real day would change the digest."""
    return re.sub(r"^([^:]*:[^:]*:)\d+:", rf"\g<1>{day}:", shadow, flags=re.MULTILINE)


def _over(recipe: Recipe, name: str, packages: Sequence[str], trees: dict[str, Path], work: Path) -> None:
    lower = [trees[below] for below in reversed(recipe.chain(name)[:-1])]
    with mounts.overlay(lower, trees[name], work / f"{name}.work", work / f"{name}.mnt") as root, _furnished(root):
        _run(["chroot", str(root), *INSTALL, *packages])


@contextlib.contextmanager
def _furnished(root: Path) -> Iterator[None]:
    """Give a tree what package scripts need; nothing of it reaches the layer."""
    mounts.proc(root / "proc")
    for folder in ("run", "dev", "tmp"):
        mounts.tmpfs(root / folder)
    for name, numbers in DEVICES.items():
        os.mknod(root / "dev" / name, 0o20666, os.makedev(*numbers))
        (root / "dev" / name).chmod(0o666)
    resolver = root / "etc/resolv.conf"
    resolver.unlink(missing_ok=True)
    shutil.copyfile("/etc/resolv.conf", resolver)
    yield


_ENV = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


# Dies with us, whatever kills us, and so does all it started; what it mounts is gone with it.
CAGE = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]


def _run(argv: list[str], env: dict[str, str] | None = None) -> None:
    """Run a program; its complaint becomes the evidence of a PlatformError."""
    proxies = {key: value for key, value in os.environ.items() if key.lower().endswith("_proxy")}
    done = subprocess.run(
        [*CAGE, *argv], env={**(env or _ENV), **proxies}, capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        name = argv[2] if argv[0] == "chroot" else argv[0]
        raise PlatformError(
            code="build:platform:image", message=f"{name} failed with exit code {done.returncode}.", evidence=tail
        )
