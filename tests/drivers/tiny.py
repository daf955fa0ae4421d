"""An image of this machine's own Python, for tests of the engine that must not need a build or a download."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import docker

PYTHON = "/usr/bin/python3"
TAG = "minato-tests/python"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
LEFT_OUT = (
    "/test/",
    "/idlelib/",
    "/ensurepip/",
    "/__pycache__/",
    "/dist-packages/",
    "/config-",
    "/pydoc_data/",
    "/lib2to3/",
)


def image(socket: Path) -> str:
    """Return the id (sha256:…) of the image in this engine, made on first use."""
    api = docker.APIClient(base_url=f"unix://{socket}", version="1.41", timeout=120)
    try:
        try:
            return api.inspect_image(TAG)["Id"]
        except docker.errors.ImageNotFound:
            api.import_image_from_data(archive(), repository=TAG, tag="latest")
            return api.inspect_image(TAG)["Id"]
    finally:
        api.close()


def archive() -> bytes:
    """Return a tar with the interpreter, its library, the shared objects of both, and the machine's certificates."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name in ("bin", "lib", "lib64"):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
            tar.addfile(link)
        for folder in ("tmp", "data", "proc", "dev", "sys", "etc"):
            place = tarfile.TarInfo(folder)
            place.type, place.mode = tarfile.DIRTYPE, 0o777 if folder in ("tmp", "data") else 0o755
            tar.addfile(place)
        for place, file in sorted({inside(file): file for file in files()}.items()):
            put(tar, place, file)
    return target.getvalue()


def put(tar: tarfile.TarFile, place: Path, file: Path) -> None:
    info = tar.gettarinfo(file, arcname=str(place).lstrip("/"))
    info.uid = info.gid = 0
    if not info.isreg():
        tar.addfile(info)
        return
    with file.open("rb") as content:
        tar.addfile(info, content)


def inside(file: Path) -> Path:
    """Libraries are found under /lib by the loader, which is a link to usr/lib in the image."""
    return Path("/usr", *file.parts[1:]) if file.parts[1] in ("lib", "lib64", "bin") else file


def files() -> set[Path]:
    program = Path(PYTHON).resolve()
    library = Path("/usr/lib", program.name)
    modules = {
        file for file in library.rglob("*") if file.is_file() and not any(part in str(file) for part in LEFT_OUT)
    }
    shared = needed([program, *(library / "lib-dynload").glob("*.so")])
    return {program, Path(PYTHON), Path(CERTIFICATES), *modules, *shared}


def needed(objects: list[Path]) -> set[Path]:
    """Return the shared objects that the loader would take, under the names by which it asks for them."""
    told = subprocess.run(["ldd", *map(str, objects)], capture_output=True, text=True, check=False).stdout
    words = {
        word for line in told.splitlines() for word in line.split() if word.startswith("/") and not word.endswith(":")
    }
    found = {Path(word) for word in words}
    return found | {path.resolve() for path in found}
