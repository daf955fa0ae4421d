"""Pushes, as a developer sees them."""

from __future__ import annotations

import os
import signal
import time

import pytest
from person import Person, Platform, eventually, plain_app, visiting

pytestmark = pytest.mark.journey

FLASK = {
    "requirements.txt": "flask\n",
    "app.py": "from flask import Flask\n\napp = Flask(__name__)\napp.get('/')(lambda: 'flask one')\n",
}


def test_a_first_push_of_a_flask_app_is_live_when_the_push_ends(person: Person, platform: Platform):
    app = person.create()
    where = person.checkout(app, FLASK)
    pushed = person.push(where)
    assert pushed.code == 0, pushed.text
    for words in (
        f"-----> Receiving {app} @ ",
        "-----> Building with builder minato/trixie@sha256:",
        "Python 3.13",
        "-----> Discovering process types",
        "-----> Build succeeded in ",
        "-----> Release v1: commit ",
        "-----> Starting web.1",
        "-----> Switched traffic to v1",
        "deployed to Minato in ",
    ):
        assert words in pushed.text
    assert platform.visit(app).text == "flask one"
    row = person.app(app)
    assert row["status"] == "running"
    assert row["release"]
    assert [one["state"] for one in row["instances"]] == ["running"]


def test_lines_come_while_the_build_runs_not_at_its_end(person: Person):
    app = person.create()
    pushed = person.push(person.checkout(app, plain_app()))
    assert pushed.code == 0, pushed.text
    received = next(at for at, line in pushed.lines if "Receiving" in line)
    built = next(at for at, line in pushed.lines if "Build succeeded" in line)
    assert received < built
    assert built < pushed.lines[-1][0]


def test_a_one_line_change_replaces_what_is_served_and_fails_no_request(person: Person, platform: Platform):
    app, where = person.deployed(plain_app("one"))
    with visiting(platform, app) as load:
        time.sleep(0.5)
        person.commit(where, plain_app("two"))
        pushed = person.push(where)
        time.sleep(0.5)
    assert pushed.code == 0, pushed.text
    assert load.failed == []
    assert set(load.bodies) == {"one", "two"}
    assert "Switched traffic to v2: 0 failed of " in pushed.text
    assert platform.visit(app).text == "two"


def test_a_failing_build_keeps_the_old_release_and_refuses_the_ref(person: Person, platform: Platform):
    app, where = person.deployed(plain_app("one"))
    before = person.git("rev-parse", "HEAD", where=where).stdout.strip()
    person.commit(where, {"requirements.txt": "there-is-no-such-distribution-anywhere==1.2.3\n"})
    pushed = person.push(where)
    assert pushed.code == 1
    assert "! [remote rejected] main -> main (build #2 failed)" in pushed.text
    assert " !     " in pushed.text
    assert "there-is-no-such-distribution-anywhere" in pushed.text
    assert platform.visit(app).text == "one"
    assert before in person.git("ls-remote", "platform", "refs/heads/main", where=where).stdout
    again = person.push(where)
    assert "build #3 failed" in again.text


def test_a_failing_release_phase_keeps_the_old_release(person: Person, platform: Platform):
    app, where = person.deployed(plain_app("one"))
    person.commit(where, plain_app("two", Procfile="web: python app.py\nrelease: echo migrating && exit 7\n"))
    pushed = person.push(where)
    assert pushed.code == 1
    assert "Release phase" in pushed.text
    assert "migrating" in pushed.text
    assert "7" in pushed.text
    assert platform.visit(app).text == "one"


def test_a_release_phase_runs_once_with_the_new_config_before_traffic(person: Person, platform: Platform):
    app = person.create()
    answer = person.api.patch(f"/apps/{app}/config", json={"GREETING": "salve"})
    assert answer.status_code in (200, 202), answer.text
    where = person.checkout(app, plain_app("one", Procfile='web: python app.py\nrelease: echo "phase $GREETING"\n'))
    pushed = person.push(where)
    assert pushed.code == 0, pushed.text
    assert pushed.text.count("phase salve") == 1
    assert pushed.text.index("phase salve") < pushed.text.index("Switched traffic")


def test_an_app_that_never_binds_fails_with_the_reason_and_removes_itself(person: Person, platform: Platform):
    app = person.create()
    where = person.checkout(app, plain_app(Procfile="web: python -c 'import time; time.sleep(600)'\n"))
    pushed = person.push(where)
    assert pushed.code == 1
    assert "$PORT" in pushed.text
    assert platform.visit(app).status_code >= 400


def test_an_app_that_crashes_fails_with_exit_code_and_last_lines(person: Person):
    app = person.create()
    code = "import sys; print('cannot find my hat', flush=True); sys.exit(3)"
    where = person.checkout(app, plain_app(Procfile=f'web: python -c "{code}"\n'))
    pushed = person.push(where)
    assert pushed.code == 1
    assert "3" in pushed.text
    assert "cannot find my hat" in pushed.text


def test_a_worker_process_runs_when_it_is_scaled_up(person: Person):
    procfile = "web: python app.py\nworker: python -c \"import time; print('working', flush=True); time.sleep(600)\"\n"
    app, _where = person.deployed(plain_app(Procfile=procfile))
    row = person.settle(person.api.patch(f"/apps/{app}/processes", json={"worker": "=1"}))
    assert row["state"] == "live", row

    def running():
        """a running worker.1"""
        return [one for one in person.app(app)["instances"] if one["name"] == "worker.1" and one["state"] == "running"]

    eventually(running)


def test_the_same_push_again_says_up_to_date(person: Person):
    _app, where = person.deployed(plain_app())
    pushed = person.push(where)
    assert pushed.code == 0
    assert "Everything up-to-date" in pushed.text


def test_another_branch_is_stored_and_not_deployed(person: Person, platform: Platform):
    app, where = person.deployed(plain_app("one"))
    person.git("checkout", "-q", "-b", "idea", where=where)
    person.commit(where, plain_app("idea"))
    pushed = person.push(where, "idea")
    assert pushed.code == 0, pushed.text
    assert "not deployed" in pushed.text
    assert platform.visit(app).text == "one"


def test_of_two_pushes_at_once_the_second_waits_and_a_stale_one_is_refused(person: Person, platform: Platform):
    app, where = person.deployed(plain_app("one"))
    other = person.folder / "other"
    remote = person.git("remote", "get-url", "platform", where=where).stdout.strip()
    person.git("clone", "-q", remote, str(other), where=person.folder)
    person.git("remote", "rename", "origin", "platform", where=other)
    person.commit(where, plain_app("two", Procfile="web: python app.py\nrelease: sleep 4\n"))
    person.commit(other, plain_app("three"))
    first = person.push_process(where)
    time.sleep(2)
    second = person.push(other)
    text = first.communicate(timeout=120)[0]
    assert first.returncode == 0, text
    assert "aiting for" in second.text
    assert second.code == 1
    assert "fetch first" in second.text
    assert platform.visit(app).text == "two"
    commit = person.git("rev-parse", "HEAD", where=where).stdout.strip()
    assert [one["description"] for one in person.releases(app) if one["state"] == "live"] == [f"Deploy {commit[:7]}"]


def test_ctrl_c_stops_watching_and_the_deploy_goes_on(person: Person, platform: Platform):
    app, where = person.deployed(plain_app("one"))
    commit = person.commit(where, plain_app("two", Procfile="web: python app.py\nrelease: sleep 3\n"))
    process = person.push_process(where)
    for line in process.stdout:
        if "Building" in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)

    def served():
        """the new release"""
        return platform.visit(app).text == "two"

    eventually(served, within=60)

    def moved():
        """the ref of the commit that runs"""
        return commit in person.git("ls-remote", "platform", "refs/heads/main", where=where).stdout

    eventually(moved, within=60)


def test_a_push_with_a_wrong_token_is_refused_in_one_line(person: Person):
    app = person.create()
    where = person.checkout(app, plain_app())
    url = person.platform.run["git_url"].replace("{app}", app).replace("://", "://minato:mnt_pat_wrong@")
    person.git("remote", "set-url", "platform", url, where=where)
    pushed = person.push(where)
    assert pushed.code == 128
    assert "Authentication failed" in pushed.text


def test_a_push_to_an_unknown_app_says_so(person: Person):
    app = person.create()
    where = person.checkout(app, plain_app())
    remote = person.git("remote", "get-url", "platform", where=where).stdout.strip().replace(app, "nosuchapp")
    person.git("remote", "set-url", "platform", remote, where=where)
    pushed = person.push(where)
    assert pushed.code == 128
    assert "nosuchapp" in pushed.text
