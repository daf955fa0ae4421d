"""What happens to an app after its first push."""

from __future__ import annotations

import contextlib
import io
import subprocess
import tarfile
import time
from pathlib import Path

import httpx
import pytest
from person import Person, Platform, eventually, plain_app, visiting

pytestmark = pytest.mark.journey


ANSWERING = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str({expression}).encode())

    def do_POST(self):
        os._exit(9)

print("last words", flush=True)
HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""


def answering(expression: str) -> str:
    """Return a program that answers a GET with an expression's value and dies of a POST."""
    return ANSWERING.replace("{expression}", expression)


def tar_gz(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return made.getvalue()


def test_an_uploaded_archive_is_deployed(person: Person, platform: Platform):
    app = person.create()
    answer = person.api.put(f"/apps/{app}/sources", content=tar_gz(plain_app("uploaded")))
    row = person.settle(answer)
    assert row["state"] == "live", row
    assert platform.visit(app).text == "uploaded"


def test_config_becomes_a_release_and_reaches_the_process(person: Person, platform: Platform):
    body = answering("os.environ.get('GREETING', 'none')")
    app, _where = person.deployed(plain_app(**{"app.py": body}))
    assert platform.visit(app).text == "none"
    row = person.settle(person.api.patch(f"/apps/{app}/config", json={"GREETING": "{{.Service.Name}} $HOME"}))
    assert row["state"] == "live", row
    assert platform.visit(app).text == "{{.Service.Name}} $HOME"
    listed = person.api.get(f"/apps/{app}/config").text
    assert "GREETING" in listed
    assert "Service.Name" not in listed
    assert person.releases(app)[0]["number"] == 2


def test_a_rollback_brings_back_the_old_code_as_a_new_release(person: Person, platform: Platform):
    app, where = person.deployed(plain_app("one"))
    person.commit(where, plain_app("two"))
    assert person.push(where).code == 0
    with visiting(platform, app) as load:
        row = person.settle(person.api.post(f"/apps/{app}/releases/1/rollback"))
    assert row["state"] == "live", row
    assert load.failed == []
    assert platform.visit(app).text == "one"
    assert person.releases(app)[0]["description"] == "Rollback to v1"


def test_scaling_the_web_process_serves_from_more_instances(person: Person, platform: Platform):
    app, _where = person.deployed(plain_app("one"))
    with visiting(platform, app) as load:
        assert person.settle(person.api.patch(f"/apps/{app}/processes", json={"web": "=3"}))["state"] == "done"
        assert len([one for one in person.app(app)["instances"] if one["state"] == "running"]) == 3
        assert person.settle(person.api.patch(f"/apps/{app}/processes", json={"web": "-2"}))["state"] == "live"
        time.sleep(1)
    assert load.failed == []


def test_a_restart_fails_no_request(person: Person, platform: Platform):
    app, _where = person.deployed(plain_app("one"))
    with visiting(platform, app) as load:
        assert person.settle(person.api.post(f"/apps/{app}/deploys", json={"kind": "restart"}))["state"] == "live"
        time.sleep(0.5)
    assert load.failed == []
    assert load.total > 10


def test_a_cancelled_deploy_leaves_the_old_release_serving(person: Person, platform: Platform):
    app, where = person.deployed(plain_app("one"))
    person.commit(where, plain_app("two", Procfile="web: python app.py\nrelease: sleep 60\n"))
    push = person.push_process(where)
    for line in push.stdout:
        if "Release phase" in line:
            break
    answer = person.api.post(f"/apps/{app}/deploys/2/cancel")
    assert answer.status_code in (200, 202), answer.text
    text = push.communicate(timeout=30)[0]
    assert push.returncode == 1
    assert "cancelled" in text.lower()
    assert platform.visit(app).text == "one"


def test_logs_are_stored_and_followed(person: Person, platform: Platform):
    app, _where = person.deployed(plain_app("one"))
    platform.visit(app, "/a-page-of-its-own")

    def stored():
        """the app's line and the router's"""
        text = person.api.get(f"/apps/{app}/logs", headers={"Accept": "text/plain"}).text
        return "app[web.1]: app says hello" in text and 'path="/a-page-of-its-own"' in text and "minato[router]" in text

    eventually(stored, within=20)
    with person.api.stream("GET", f"/apps/{app}/logs", headers={"Accept": "text/event-stream"}) as stream:
        assert stream.status_code == 200
        platform.visit(app, "/while-you-look")
        for line in stream.iter_lines():
            if "while-you-look" in line:
                break


def test_deleting_an_app_leaves_nothing(person: Person, platform: Platform):
    app, _where = person.deployed(plain_app("one"))
    uid = person.app(app)["id"]
    wrong = person.api.request("DELETE", f"/apps/{app}", json={"confirm": "another"})
    assert wrong.status_code in (400, 422)
    assert person.api.request("DELETE", f"/apps/{app}", json={"confirm": app}).status_code in (202, 204)
    assert person.api.get(f"/apps/{app}").status_code == 404
    assert platform.visit(app).status_code == 404
    var = Path(platform.run["token_file"]).parents[1]
    docker = ["docker", "-H", f"unix://{var}/run/engine/docker.sock"]

    def gone():
        """nothing of the app"""
        left = [
            subprocess.run([*docker, *argv], capture_output=True, text=True, check=True).stdout.strip()
            for argv in (
                ["ps", "-aq", "--filter", f"label=minato.app={uid}"],
                ["service", "ls", "-q", "--filter", f"label=minato.app={uid}"],
                ["volume", "ls", "-q", "--filter", f"label=minato.app={uid}"],
            )
        ]
        registry = httpx.get(f"http://127.0.0.1:{platform.run['ports']['registry']}/v2/apps/{uid}/tags/list")
        tags = registry.json().get("tags") if registry.status_code == 200 else None
        return not any(left) and not tags and not (var / "data" / "repos" / f"{uid}.git").exists()

    eventually(gone, within=60)
    again = person.api.post("/apps", json={"name": app})
    assert again.status_code == 201


def test_a_crashed_app_says_so_and_starts_again_by_a_restart(person: Person, platform: Platform):
    body = answering("'up'")
    app, _where = person.deployed(plain_app(**{"app.py": body}))

    def crashed():
        """the status crashed"""
        with contextlib.suppress(httpx.HTTPError):
            httpx.post(f"http://{platform.router}/", headers={"Host": platform.host(app)}, timeout=2)
        return person.app(app)["status"] == "crashed"

    eventually(crashed, within=60)
    answer = platform.visit(app)
    assert answer.status_code == 503
    assert "H10" in answer.text
    assert person.settle(person.api.post(f"/apps/{app}/deploys", json={"kind": "restart"}))["state"] == "live"
    assert platform.visit(app).text == "up"
