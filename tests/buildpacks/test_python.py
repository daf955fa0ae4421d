"""minato/python, with a uv that only writes down how it was called."""

from __future__ import annotations

import json
import platform
import tomllib

import pytest

HAVE = platform.python_version()
MINOR = HAVE.rpartition(".")[0]
FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FASTAPI = "import fastapi\nsite: fastapi.FastAPI = fastapi.FastAPI()\n"


def web(source) -> list[str]:
    file = source.layers / "launch.toml"
    return tomllib.loads(file.read_text())["processes"][0]["command"] if file.exists() else []


@pytest.mark.parametrize(
    "name", ["requirements.txt", "app.py", "manage.py", "pyproject.toml", "Pipfile", "requirement.txt"]
)
def test_what_looks_like_python_is_detected(source, name):
    source.put(name, "")
    assert source.run("python", "detect").returncode == 0


def test_what_does_not_is_told_what_was_looked_for_and_where_it_lies(source):
    source.put("web/requirements.txt", "flask")
    done = source.run("python", "detect")
    assert done.returncode == 100
    assert "looked for: requirements.txt" in done.stdout
    assert "found web/requirements.txt: the app must lie at the root" in done.stdout


def test_requirements_are_installed_into_a_layer_for_launch_only(source):
    source.put("requirements.txt", "flask\ngunicorn\n").put("Procfile", "web: gunicorn app:app")
    done = source.run("python", "build")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"-----> Python {MINOR} app detected (requirements.txt)" in done.stdout
    told = tomllib.loads((source.layers / "venv.toml").read_text())
    assert told["types"] == {"launch": True}
    assert told["metadata"]["packages"] == "1"
    assert any(line.startswith("pip install") and line.endswith("-r requirements.txt") for line in source.uv())
    assert (source.layers / "venv/env.launch/PYTHONUNBUFFERED.default").read_text() == "1"
    assert not (source.layers / ".scratch").exists()


def test_the_bill_of_materials_names_every_package_and_the_interpreter(source):
    source.put("requirements.txt", "flask").put("Procfile", "web: x")
    source.run("python", "build")
    told = json.loads((source.layers / "venv.sbom.cdx.json").read_text())
    assert [part["purl"] for part in told["components"]] == ["pkg:pypi/flask@3.1", f"pkg:generic/python@{HAVE}"]


def test_equal_requirements_are_not_installed_again(source):
    source.put("requirements.txt", "flask").put("Procfile", "web: x")
    source.run("python", "build")
    before = source.uv()
    done = source.run("python", "build")
    assert source.uv() == before
    assert "Requirements unchanged: 1 packages kept" in done.stdout


@pytest.mark.parametrize("changed", ["requirements.txt", "more/base.txt", "limits.txt"])
def test_a_change_in_any_included_file_installs_again(source, changed):
    source.put("requirements.txt", "-r more/base.txt\n--constraint=limits.txt\n").put("more/base.txt", "flask")
    source.put("limits.txt", "").put("Procfile", "web: x")
    source.run("python", "build")
    before = len(source.uv())
    source.put(changed, (source.app / changed).read_text() + "\nrequests\n")
    source.run("python", "build")
    assert len(source.uv()) > before


def test_requirements_that_name_the_source_itself_follow_every_change(source):
    source.put("requirements.txt", "-e .\n").put("Procfile", "web: x").put("pkg.py", "1")
    source.run("python", "build")
    before = len(source.uv())
    source.put("pkg.py", "2")
    source.run("python", "build")
    assert len(source.uv()) > before


@pytest.mark.parametrize(
    "name, text",
    [(".python-version", f"# ours\n{MINOR}\n"), ("runtime.txt", f"python-{MINOR}.x\n"), (".python-version", HAVE)],
)
def test_a_version_that_the_stack_has_is_taken(source, name, text):
    source.put("requirements.txt", "flask").put("Procfile", "web: x").put(name, text)
    done = source.run("python", "build")
    assert done.returncode == 0
    assert f"Using Python {HAVE}, as {name} asks" in done.stdout


def test_a_version_that_the_stack_has_not_is_refused_honestly(source):
    source.put("requirements.txt", "flask").put(".python-version", "3.7\n")
    done = source.run("python", "build")
    assert done.returncode == 1
    assert f" !     .python-version asks for Python 3.7; this stack has Python {MINOR} only." in done.stdout
    assert source.uv() == []


def test_another_patch_release_is_a_warning(source):
    source.put("requirements.txt", "flask").put("Procfile", "web: x").put(".python-version", f"{MINOR}.999")
    done = source.run("python", "build")
    assert done.returncode == 0
    assert f" !     .python-version asks for {MINOR}.999" in done.stdout


def test_a_version_that_is_none_is_refused(source):
    source.put("requirements.txt", "flask").put("runtime.txt", "pypy3\n")
    assert source.run("python", "build").returncode == 1


@pytest.mark.parametrize("name", ["uv.lock", "poetry.lock", "Pipfile", "requirement.txt"])
def test_other_formats_are_explained(source, name):
    source.put(name, "")
    done = source.run("python", "build")
    assert done.returncode == 1
    assert f"There is {name} but no requirements.txt" in done.stdout


@pytest.mark.parametrize(
    "name, text, command",
    [
        ("app.py", FLASK, ["gunicorn", "app:app"]),
        (
            "main.py",
            "import os\ntry:\n    import flask\nfinally:\n    pass\nwsgi = flask.Flask(__name__)\n",
            ["gunicorn", "main:wsgi"],
        ),
        ("app/__init__.py", "from flask import Flask\ndef create_app(): ...\n", ["gunicorn", "app:create_app()"]),
        (
            "server.py",
            "from bottle import default_app\napplication = default_app()\n",
            ["gunicorn", "server:application"],
        ),
        ("main.py", FASTAPI, ["uvicorn", "main:site"]),
        (
            "app.py",
            "from starlette.applications import Starlette\ndef create_app(): ...\n",
            ["uvicorn", "--factory", "app:create_app"],
        ),
        ("main.py", "print('hello')\n", ["python", "main.py"]),
        ("main.py", "def broken(:\n", ["python", "main.py"]),
    ],
)
def test_without_a_procfile_the_web_process_is_found_and_the_rule_said(source, name, text, command):
    source.put(name, text)
    done = source.run("python", "build")
    assert done.returncode == 0, done.stdout + done.stderr
    assert web(source) == command
    assert f"       web: {' '.join(command)} (" in done.stdout


def test_a_django_project_starts_its_wsgi_module(source):
    source.put("manage.py", 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")').put("shop/wsgi.py", "")
    source.put("requirements.txt", "django\nGunicorn==23\n")
    done = source.run("python", "build")
    assert web(source) == ["gunicorn", "shop.wsgi:application"]
    assert "gunicorn is added" not in done.stdout


def test_a_server_that_the_app_does_not_list_is_added_and_named(source):
    source.put("requirements.txt", "flask").put("app.py", FLASK)
    done = source.run("python", "build")
    assert "gunicorn is added, because requirements.txt does not list it" in done.stdout
    assert any(line.endswith("-r requirements.txt gunicorn") for line in source.uv())


def test_uvicorn_learns_the_port_from_a_program_of_the_layer(source):
    source.put("main.py", FASTAPI)
    source.run("python", "build")
    program = source.layers / "venv/exec.d/web/uvicorn-port"
    assert program.stat().st_mode & 0o111
    assert "UVICORN_PORT" in program.read_text()


def test_a_procfile_is_the_last_word(source):
    source.put("app.py", FLASK).put("Procfile", "worker: x")
    source.run("python", "build")
    assert web(source) == []


@pytest.mark.parametrize(
    "words, said",
    [
        ("error: No solution found\n  cause: Because there is no nope", "Because there is no nope"),
        ("failed (signal: 9 (SIGKILL))", "more memory than a build may use"),
        ("invalid peer certificate: UnknownIssuer", "certificate is not trusted"),
        ("Failed to build `x`", "could not be compiled"),
        ("error sending request for url", "could not be reached"),
        ("odd", "exit code 1"),
    ],
)
def test_a_failed_installation_says_why(source, words, said):
    source.put("requirements.txt", "nope").put("Procfile", "web: x")
    source.uv_fails(words)
    done = source.run("python", "build")
    assert done.returncode == 1
    assert said in "\n".join(line for line in done.stdout.splitlines() if line.startswith(" !     "))
