"""Set-up of a fresh machine, before anything is installed: Debian packages, virtual environment, Python packages.

Run by the system's own Python (3.11 or newer) as a file, with the standard library alone. Every part is skipped when
its inputs have not changed, and can be interrupted anywhere. `python3 -I platform/launch/bootstrap.py run -m launch
run` sets up what `run` needs and then becomes `.venv/bin/python -m launch run`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
STAMP = VENV / "minato-setup.json"
POLICY = Path("/usr/sbin/policy-rc.d")
SAVED = Path("/usr/sbin/policy-rc.d.minato-saved")
POLICY_TEXT = "#!/bin/sh\n# minato: packages are installed without starting their services\nexit 101\n"
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
OLDEST = (3, 11)
# Package -> the program that shows it is there, "" when only dpkg can tell.
DEBIAN = {
    "make": "make",
    "curl": "curl",
    "ca-certificates": "update-ca-certificates",
    "python3-venv": "",
    "docker.io": "dockerd",
    "docker-registry": "docker-registry",
    "redis-server": "redis-server",
    "haproxy": "haproxy",
    "iptables": "iptables",
    "iproute2": "ip",
    "mmdebstrap": "mmdebstrap",
    "git": "git",
    "uidmap": "newuidmap",
    "kmod": "modprobe",
}
LOCKS = ("requirements/uv.txt", "requirements/run.txt", "requirements/test.txt", "pyproject.toml")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class SetUpError(Exception):
    """What cannot be set up here; the message says how to get it."""


def main(argv: list[str]) -> int:
    """Set up for `argv[0]` (run, test or none), then become the Python of the virtual environment with the rest."""
    if argv == ["help"]:
        return targets()
    wanted, *rest = argv
    os.environ["PATH"] = ":".join(
        dict.fromkeys([*os.environ.get("PATH", "").split(":"), *SYSTEM_PATH.split(":")])
    ).strip(":")
    try:
        taken = [] if wanted == "none" else set_up(wanted)
        if not os.access(PYTHON, os.X_OK):
            raise SetUpError("Nothing was ever set up here: type `make run` first.")
    except SetUpError as error:
        for line in str(error).splitlines():
            print(f" !     {line}", file=sys.stderr)
        return 1
    if rest:
        os.environ["MINATO_SETUP"] = json.dumps(taken)
        os.execv(PYTHON, [str(PYTHON), *rest])  # noqa: S606 - no shell, and that is the point
    return 0


def set_up(kind: str) -> list[tuple[str, float]]:
    """Bring the machine to what `kind` needs; return the steps taken with their seconds."""
    if sys.version_info < OLDEST:
        raise SetUpError(
            f"Minato needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}.\n"
            "Debian 12 has it as python3."
        )
    taken: list[tuple[str, float]] = []
    mend_policy()
    packages = missing_packages()
    if packages:
        with step(f"Debian packages: {' '.join(packages)}", taken):
            install_packages(packages)
    if not stamp_fits(kind):
        set_up_python(kind, taken)
    return taken


@contextlib.contextmanager
def step(name: str, taken: list[tuple[str, float]]) -> Iterator[None]:
    """Say what begins, and its seconds at the end."""
    began = time.monotonic()
    print(f"-----> {name}", flush=True)
    yield
    taken.append((name.partition(":")[0], time.monotonic() - began))
    print(f"       {taken[-1][1]:.1f} s", flush=True)


# -- Debian -------------------------------------------------------------------------------------------------------


def missing_packages() -> list[str]:
    """Return the packages whose programs are not there; a program from elsewhere counts."""
    without = [name for name, program in DEBIAN.items() if program and not shutil.which(program)]
    return [*without, *([] if has_venv() else ["python3-venv"])]


def has_venv() -> bool:
    """Debian splits ensurepip off Python; an environment that exists needs it no more."""
    if os.access(PYTHON, os.X_OK):  # somebody else's environment is none
        return True
    with contextlib.suppress(ImportError):
        import ensurepip  # noqa: F401 - only whether it is there

        return True
    return False


def install_packages(packages: list[str]) -> None:
    """Install by apt-get without starting services. Raises SetUpError where that cannot be done."""
    by_hand = f"apt-get install {' '.join(packages)}"
    if not shutil.which("apt-get"):
        programs = ", ".join(DEBIAN[name] or name for name in packages)
        raise SetUpError(
            f"This is no Debian (there is no apt-get), and these programs are missing: {programs}.\n"
            f"Install them by your system's own means; on Debian they come with: {by_hand}"
        )
    if os.geteuid() != 0:
        raise SetUpError(
            f"These Debian packages are missing: {' '.join(packages)}.\nAs root, type: {by_hand}\nThen run this again."
        )
    with services_stay_off():
        if not all(_known(name) for name in packages):
            _apt("update")
        if _apt("install", "--yes", "--no-install-recommends", *packages, check=False):
            _apt("update")  # lists may name versions that the mirror no longer has
            _apt("install", "--yes", "--no-install-recommends", *packages)


def _known(package: str) -> bool:
    return subprocess.run(["apt-cache", "show", package], capture_output=True).returncode == 0


def _apt(*words: str, check: bool = True) -> int:
    """Run apt-get; its output is shown only when it fails."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["apt-get", "-q", *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode and check:
        raise SetUpError(
            f"apt-get {' '.join(words)} failed:\n{done.stdout[-2000:]}\n"
            "Check /etc/apt/sources.list and the network, then run this again."
        )
    return done.returncode


@contextlib.contextmanager
def services_stay_off() -> Iterator[None]:
    """Forbid packages to start services, and put the machine's own policy back afterwards."""
    if POLICY.exists():
        POLICY.rename(SAVED)
    POLICY.write_text(POLICY_TEXT)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        mend_policy()


def mend_policy() -> None:
    """Put the machine's policy back if it is ours that stands there, also after an earlier run was killed."""
    if POLICY.exists() and POLICY.read_text() == POLICY_TEXT and os.access(POLICY.parent, os.W_OK):
        POLICY.unlink()
    if SAVED.exists() and not POLICY.exists() and os.access(POLICY.parent, os.W_OK):
        SAVED.rename(POLICY)


# -- Python -------------------------------------------------------------------------------------------------------


def inputs() -> str:
    """Return a hash of everything that decides what is installed."""
    whole = hashlib.sha256(f"{ROOT} {sys.version_info[:2]}".encode())
    for name in LOCKS:
        whole.update((ROOT / name).read_bytes())
    return whole.hexdigest()


def stamp() -> dict[str, str]:
    try:
        return dict(json.loads(STAMP.read_text()))
    except (OSError, ValueError):
        return {}


def stamp_fits(kind: str) -> bool:
    """Say whether the environment is set up; what tests need includes what a platform needs."""
    now = stamp()
    return os.access(PYTHON, os.X_OK) and now.get("inputs") == inputs() and now.get("kind") in (kind, "test")


def set_up_python(kind: str, taken: list[tuple[str, float]]) -> None:
    """Make the environment and put exactly the locked packages into it."""
    kind = "test" if stamp().get("kind") == "test" else kind
    if not os.access(ROOT, os.W_OK):
        raise SetUpError(
            f"This checkout belongs to somebody else: {ROOT}.\nClone it into a folder of your own, or become root."
        )
    STAMP.unlink(missing_ok=True)
    environment = python_environment()
    if not _runs():
        with step("virtual environment", taken):
            _python([sys.executable, "-m", "venv", "--clear", str(VENV)], environment)
    uv_lock = str(ROOT / "requirements" / "uv.txt")
    with step("uv", taken):
        _python(
            [str(PYTHON), "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", uv_lock], environment
        )
    with step(f"Python packages of requirements/{kind}.txt", taken):
        pip = [str(UV), "pip"]
        _python([*pip, "sync", "--quiet", "--require-hashes", str(ROOT / f"requirements/{kind}.txt")], environment)
        _python([*pip, "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], environment)
    STAMP.write_text(json.dumps({"kind": kind, "inputs": inputs()}))


def _runs() -> bool:
    """Say whether the environment's Python and pip work: an interrupted start leaves half of one."""
    try:
        return subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def python_environment() -> dict[str, str]:
    """Return the environment for pip and uv: the system's certificates, and the index that pip is told to use."""
    environment = {
        **os.environ,
        "VIRTUAL_ENV": str(VENV),
        "UV_SYSTEM_CERTS": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    if BUNDLE.exists():
        environment.setdefault("PIP_CERT", str(BUNDLE))
        environment.setdefault("SSL_CERT_FILE", str(BUNDLE))
    index = pip_index()
    if index and not any(name in environment for name in ("UV_INDEX_URL", "UV_DEFAULT_INDEX")):
        environment["UV_DEFAULT_INDEX"] = index  # uv does not read pip's settings
    return environment


def pip_index() -> str:
    """Return the package index of pip's own settings, empty for its default."""
    named = os.environ.get("PIP_INDEX_URL", "")
    if named or not os.access(PYTHON, os.X_OK):
        return named
    done = subprocess.run([str(PYTHON), "-m", "pip", "config", "list"], capture_output=True, text=True)
    found = re.search(r"^(?:global|install)\.index-url='(.+)'$", done.stdout, re.MULTILINE)
    return found[1] if found else ""


def _python(argv: list[str], environment: dict[str, str]) -> None:
    """Run a step of the Python set-up; raises SetUpError with what it said."""
    done = subprocess.run(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SetUpError(
            f"{' '.join(argv[:4])} … failed:\n{done.stdout[-3000:]}\n"
            "Nothing is lost: run this again when the cause is gone."
        )


# -- help ---------------------------------------------------------------------------------------------------------


def targets() -> int:
    """Print every target of the Makefile with what it says about itself."""
    for name, text in re.findall(r"^([a-z-]+):.*?## (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE):
        print(f"make {name:<12} {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
