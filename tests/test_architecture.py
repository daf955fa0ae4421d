"""The shape of the tree, proved."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {"minato", "doors", "controlplane", "agent", "telemetryd", "launch"}
STANDARD_ONLY = [ROOT / "platform/launch/bootstrap.py", *sorted((ROOT / "platform/minato/children").glob("*.py"))]
OURS = [
    path
    for folder in ("platform", "apps", "buildpacks", "bench", "cli", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "migrations" not in path.parts
]


def test_platform_is_a_folder_and_never_a_package():
    assert not (ROOT / "platform/__init__.py").exists()
    assert {path.name for path in (ROOT / "platform").iterdir() if path.name != "__pycache__"} == ROOMS
    assert not (ROOT / "tests/platform").exists()


def test_the_standard_library_keeps_its_platform_module():
    code = "import platform, uuid, celery, minato; print(platform.python_version())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("3.")


@pytest.mark.parametrize("path", STANDARD_ONLY, ids=lambda path: path.name)
def test_children_and_bootstrap_import_the_standard_library_alone(path: Path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").split(".")[0])
    assert names <= set(sys.stdlib_module_names)


SHELL = re.compile(r"shell\s*=\s*True|os\.system\(|os\.popen\(|[\"'](?:ba)?sh[\"'],\s*[\"']-c")


PRODUCT = [path for path in OURS if "tests" not in path.parts]


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_python_of_ours_calls_a_shell(path: Path):
    # what writes and reads the app's own lines, which a shell of the app's runs
    procfile = {ROOT / "buildpacks/procfile", ROOT / "platform/minato/build/result.py"}
    assert any(path.is_relative_to(place) for place in procfile) or SHELL.findall(path.read_text()) == []


def test_no_room_is_crowded():
    crowded = {str(p.relative_to(ROOT)): n for p in OURS if (n := len(p.read_text().splitlines())) > 400}
    assert crowded == {}


def test_no_function_is_over_80_lines():
    long = []
    for path in OURS:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (node.end_lineno or 0) - node.lineno > 80:
                long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert long == []


HOSTS = re.compile(
    "|".join(
        (
            "pypi[.]org",
            "files[.]python" + "hosted",
            "proxy[.]golang",
            "registry[.]npm" + "js",
            "deb[.]debian",
            "static[.]crates",
        )
    )
)


def test_no_tracked_file_names_a_package_registry():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tracked = [ROOT / name for name in listed.splitlines() if name != "tests/test_architecture.py"]
    texts = {path: path.read_bytes().decode("utf-8", "replace") for path in tracked if path.is_file()}
    assert [str(path) for path, text in texts.items() if HOSTS.search(text)] == []
