"""What goes into the containers: the source as it is, and a small tar of the platform's own words."""

from __future__ import annotations

import io
import json
import re
import tarfile

from minato.build.places import APP, OURS, PLATFORM, PROJECT, RUN, SCRATCH
from minato.errors import UserError
from minato.values.build import BuildPlan
from minato.values.engine import Exec

KEY = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")


def unpack_source() -> Exec:
    return Exec(argv=("tar", "-x", "--no-same-owner", "-C", APP))


def unpack_platform() -> Exec:
    return Exec(argv=("tar", "-x", "--no-same-owner", "-C", PLATFORM))


def platform_tar(plan: BuildPlan) -> bytes:
    """Return the tar for /platform: the build's variables, the run image's name, the commit."""
    folders = [path.removeprefix(f"{PLATFORM}/") for path in (f"{PLATFORM}/env", f"{PLATFORM}/bindings", OURS, SCRATCH)]
    files = {f"env/{name}": value for name, value in variables(plan).items()}
    files[RUN.removeprefix(f"{PLATFORM}/")] = run_toml(plan)
    files[PROJECT.removeprefix(f"{PLATFORM}/")] = project_toml(plan)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for folder in folders:
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
        for name, text in sorted(files.items()):
            content = text.encode()
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def variables(plan: BuildPlan) -> dict[str, str]:
    """Return the build's environment; raises UserError for a name that could not be a variable (or would be a path)."""
    for name in plan.env:
        if not KEY.fullmatch(name):
            raise UserError(code="build:user:env", message=f"{name!r} is no name of a variable.")
    commit = {"SOURCE_VERSION": plan.commit} if plan.commit else {}
    return {**plan.env, **commit, "STACK": plan.stack.name}


def run_toml(plan: BuildPlan) -> str:
    """Return run.toml with the moving tag: the name that later rebases follow."""
    return f"[[images]]\nimage = {json.dumps(plan.stack.run_name)}\n"


def project_toml(plan: BuildPlan) -> str:
    """Return project-metadata.toml: the image's label says which source it was made of."""
    told = [f"sha256 = {json.dumps(plan.source)}"] + ([f"commit = {json.dumps(plan.commit)}"] if plan.commit else [])
    kind = "git" if plan.commit else "upload"
    return f"[source]\ntype = {json.dumps(kind)}\n[source.version]\n" + "\n".join(told) + "\n"
