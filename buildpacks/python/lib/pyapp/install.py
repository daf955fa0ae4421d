"""The layer `venv`: made with uv when its key has changed, else taken over from the last image by its metadata."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import cnb

from pyapp import sbom
from pyapp.requirements import Requirements

# All files of a layer carry one date, so byte code must not be checked by date.
BYTECODE = {"PYC_INVALIDATION_MODE": "UNCHECKED_HASH", "SOURCE_DATE_EPOCH": "315532801"}
LAUNCH = {
    "XDG_RUNTIME_DIR.default": "/tmp",  # gunicorn keeps a socket there; a home may be read-only
    "PYTHONUNBUFFERED.default": "1",
    "PYTHONDONTWRITEBYTECODE.default": "1",
    "PYTHONFAULTHANDLER.default": "1",
}
SERVE = """#!/usr/bin/env python3
import os

os.write(3, f'UVICORN_HOST = "0.0.0.0"\\nUVICORN_PORT = "{int(os.environ.get("PORT", "8000"))}"\\n'.encode())
"""


def venv(key: str, found: Requirements, extra: str) -> None:
    """Leave the layer `venv` behind, with `extra` (a server, or "") in it. Ends the build when uv fails."""
    layer = cnb.layers_dir() / "venv"
    said = _said(layer)
    if said.get("key") == key:
        cnb.body(f"Requirements unchanged: {said.get('packages')} packages kept from the last build")
        count = str(said.get("packages"))
    else:
        count = str(_make(layer, found, extra))
    told = {"types": {"launch": True}, "metadata": {"key": key, "python": sys.version.split()[0], "packages": count}}
    Path(f"{layer}.toml").write_text(cnb.toml(told))


def _said(layer: Path) -> dict[str, object]:
    file = Path(f"{layer}.toml")
    return dict(tomllib.loads(file.read_text()).get("metadata", {})) if file.is_file() else {}


def _make(layer: Path, found: Requirements, extra: str) -> int:
    scratch = cnb.layers_dir() / ".scratch"  # beside the layer: hard links into it, and more room than /tmp
    shutil.rmtree(layer, ignore_errors=True)
    scratch.mkdir()
    try:
        _uv(["venv", "--quiet", "--python", sys.executable, "--no-project", str(layer)], scratch)
        wanted = ["-r", "requirements.txt"] if found.files else []
        wanted += [extra] if extra else []
        if wanted:
            _uv(["pip", "install", "--python", str(layer / "bin/python"), "--compile-bytecode", *wanted], scratch)
    finally:
        shutil.rmtree(scratch)
    cnb.write_env(layer, "env.launch", LAUNCH)
    if extra == "uvicorn" or "uvicorn" in found.names:
        _serve(layer)
    return sbom.write(layer)


def _serve(layer: Path) -> None:
    """uvicorn does not read $PORT: a program that the launcher runs first tells it."""
    program = layer / "exec.d" / "web" / "uvicorn-port"
    program.parent.mkdir(parents=True)
    program.write_text(SERVE)
    program.chmod(0o755)


def _uv(args: list[str], scratch: Path) -> None:
    env = {
        **os.environ,
        **BYTECODE,
        "UV_CACHE_DIR": str(scratch / "cache"),
        "UV_LINK_MODE": "hardlink",
        "UV_PYTHON_DOWNLOADS": "never",
    }
    env |= {"NO_COLOR": "1", "UV_NO_PROGRESS": "1", "UV_NO_CONFIG": "1", "TMPDIR": str(scratch)}
    with subprocess.Popen(
        ["uv", *args], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as uv:
        lines = []
        for line in uv.stdout or ():
            lines.append(line.rstrip())
            if not line.startswith("Using Python"):
                cnb.body(line.rstrip())
    if uv.returncode:
        cnb.fail(*reason(lines, uv.returncode))


def reason(lines: list[str], code: int) -> tuple[str, ...]:
    """Return what to tell the developer about a failed uv."""
    text = "\n".join(lines)
    if code in (137, -9) or "SIGKILL" in text:
        return ("The installation was killed: it needed more memory than a build may use.",)
    if "No solution found" in text:
        causes = [line.partition("cause: ")[2] for line in lines if "cause: " in line]
        return ("The packages in requirements.txt do not fit together, or one does not exist.", *causes[-1:])
    if "Failed to build" in text or "error: command" in text:
        return (
            "A package without a ready wheel could not be compiled.",
            "Ask for a version that has wheels for this Python.",
        )
    if "UnknownIssuer" in text or "invalid peer certificate" in text:
        return ("The package index's certificate is not trusted here: tell the operators of this platform.",)
    if "error sending request" in text or "dns error" in text:
        return ("The package index could not be reached; push again, or tell the operators of this platform.",)
    return (f"uv could not install the requirements (exit code {code}).",)
