"""The HTTP side of the git door: who comes in, what is answered, how bodies may come."""

from __future__ import annotations

import base64
import gzip
import http.client
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.doors.conftest import Work, environment, said

RECEIVE = "application/x-git-receive-pack-request"


def ask(served, method: str, path: str, *, token: str = "alice-token", body=None, **headers: str):
    """Return status, headers and body of one request."""
    link = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    basic = base64.b64encode(f"any:{token}".encode()).decode()
    given = {"Authorization": f"Basic {basic}"} if token else {}
    link.request(method, path, body=body, headers={**given, **{k.replace("_", "-"): v for k, v in headers.items()}})
    answer = link.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    link.close()
    return found


def same(answer) -> tuple:
    status, headers, body = answer
    return status, {k: v for k, v in headers.items() if k.lower() != "date"}, body


PATHS = [
    ("GET", "info/refs?service=git-receive-pack"),
    ("GET", "info/refs?service=git-upload-pack"),
    ("GET", "info/refs"),
    ("POST", "git-receive-pack"),
    ("POST", "git-upload-pack"),
    ("POST", "info/lfs/objects/batch"),
    ("DELETE", "info/refs"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_stranger_gets_what_nobody_gets_byte_for_byte(served, method, path):
    theirs = ask(served, method, f"/git/shop.git/{path}", token="bob-token", body=b"")
    nobodys = ask(served, method, f"/git/nope.git/{path}", token="bob-token", body=b"")
    assert theirs[0] == 404
    assert same(theirs) == same(nobodys)


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize("token", ["", "unknown"])
def test_an_unknown_credential_is_401_everywhere(served, method, path, token):
    status, headers, _ = ask(served, method, f"/git/shop.git/{path}", token=token, body=b"")
    assert status == 401
    assert headers["www-authenticate"].startswith("Basic realm=")
    assert same(ask(served, method, f"/git/nope.git/{path}", token=token, body=b""))[0] == 401


@pytest.mark.parametrize("path", ["info/refs?service=git-receive-pack", "git-receive-pack"])
def test_both_requests_ask_for_the_scope(served, platform, path):
    method = "POST" if path == "git-receive-pack" else "GET"
    status, headers, body = ask(
        served, method, f"/git/shop.git/{path}", token="reader-token", body=b"0000", Content_Type=RECEIVE
    )
    assert status == 403
    assert headers["content-type"].startswith("text/plain")
    assert b"app.deploy" in body
    assert platform.denied == ["app.deploy"]


@pytest.mark.parametrize(
    "path",
    [
        "/git/shop.git",
        "/git/shop.git/",
        "/git/shop.git/HEAD",
        "/git/shop.git/objects/info/packs",
        "/git/shop/info/refs",
        "/git/../git/shop.git/HEAD",
        "/git/shop.git/info/refs/",
        "/git/shop.git/%2e%2e/config",
        "/git/Shop.git/info/refs",
    ],
)
def test_only_exact_paths_are_served(served, path):
    assert ask(served, "GET", path)[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "git-receive-pack", {"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ("POST", "git-receive-pack", {"Content_Type": RECEIVE, "Content_Encoding": "br"}, 415),
        ("GET", "git-receive-pack", {}, 405),
        ("GET", "info/refs", {}, 400),
        ("GET", "info/refs?service=git-evil", {}, 400),
        ("POST", "info/lfs/objects/batch", {}, 501),
    ],
)
def test_what_is_not_smart_http_is_refused(served, method, path, headers, status):
    assert (
        ask(served, method, f"/git/shop.git/{path}", body=b"0000" if method == "POST" else None, **headers)[0] == status
    )


def test_everything_else_is_djangos(served):
    assert ask(served, "GET", "/apps/shop")[0] == 418


def test_wrong_token_unknown_app_and_wrong_scope_are_one_clear_line(served, work):
    work.commit({"app.py": "x"})
    assert "remote: This token is not known." in work.push(served.url("wrong")).stderr
    assert "remote: There is no such app" in work.push(served.url(app="nope")).stderr
    assert "remote: alice may not do this (app.deploy)." in work.push(served.url("reader-token")).stderr


def test_a_declared_body_that_is_too_large_is_refused_before_reading(served):
    link = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
    basic = base64.b64encode(b"any:alice-token").decode()
    link.putrequest("POST", "/git/shop.git/git-receive-pack")
    for key, value in {
        "Authorization": f"Basic {basic}",
        "Content-Type": RECEIVE,
        "Content-Length": str(10**10),
    }.items():
        link.putheader(key, value)
    link.endheaders()
    assert link.getresponse().status == 413


def body_of_a_push(work: Work, ref: str) -> bytes:
    commit = work.commit({"app.py": "x" * 100})
    command = f"{'0' * 40} {commit} {ref}\0report-status side-band-64k agent=test".encode()
    packed = subprocess.run(
        ["git", "pack-objects", "--revs", "--stdout", "-q"],
        cwd=work.path,
        input=f"{commit}\n".encode(),
        env=environment(),
        capture_output=True,
        check=True,
    ).stdout
    return b"%04x" % (len(command) + 4) + command + b"0000" + packed


def test_a_gzipped_body_is_opened(served, work):
    body = gzip.compress(body_of_a_push(work, "refs/heads/feature"))
    status, headers, answer = ask(
        served, "POST", "/git/shop.git/git-receive-pack", body=body, Content_Type=RECEIVE, Content_Encoding="gzip"
    )
    assert status == 200
    assert headers["x-accel-buffering"] == "no"
    assert b"ok refs/heads/feature" in answer
    assert served.ref("refs/heads/feature") != ""


def test_a_gzip_bomb_costs_no_memory(served):
    ask(served, "GET", "/git/shop.git/info/refs?service=git-receive-pack")
    before, begun = memory(os.getpid()), time.monotonic()
    bomb = gzip.compress(bytes(900 * 1024**2), 1)
    held = memory(os.getpid())
    ask(served, "POST", "/git/shop.git/git-receive-pack", body=bomb, Content_Type=RECEIVE, Content_Encoding="gzip")
    assert time.monotonic() - begun < 30
    assert memory(os.getpid()) - held < 64 * 1024
    assert before > 0


def memory(pid: int) -> int:
    """Return resident KiB."""
    rows = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return int(rows["VmRSS"].split()[0])


def test_clone_and_fetch_work_in_protocol_2_and_0(served, work, tmp_path):
    commit = work.commit({f"f{n}": str(n) for n in range(50)})
    work.push(served.url())
    for version in ("2", "0"):
        clone = tmp_path / f"clone{version}"
        work.git("-c", f"protocol.version={version}", "clone", "-q", served.url("reader-token"), str(clone))
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=clone, capture_output=True, text=True, check=True)
        assert head.stdout.strip() == commit


def test_an_unsafe_protocol_header_is_dropped(served):
    status, _, body = ask(
        served, "GET", "/git/shop.git/info/refs?service=git-upload-pack", Git_Protocol="version=2; echo $(id)"
    )
    assert status == 200
    assert body.startswith(b"001e# service=git-upload-pack\n0000")


def test_a_shallow_clone_can_push(served, work, tmp_path):
    for n in range(3):
        work.commit({"app.py": str(n)})
    shallow = Work(tmp_path / "origin")
    shallow.git("pull", "-q", "--depth", "1", f"file://{work.path}", "main")
    assert shallow.push(served.url()).returncode == 0
    assert served.ref() == shallow.git("rev-parse", "HEAD").stdout.strip()


def test_ctrl_c_stops_watching_not_deploying(served, work, platform):
    platform.script = [said("head", "Building"), 1.5, *[said("body", "x" * 1000)] * 3000, said("end", "live")]
    commit = work.commit({"app.py": "x"})
    process = work.popen("push", served.url(), "main")
    for raw in process.stderr:
        if b"Building" in raw:
            break
    os.killpg(process.pid, signal.SIGINT)
    process.wait(5)
    assert served.ref() == ""
    assert eventually(lambda: served.ref() == commit)
    assert eventually(lambda: processes(served) == [])


def test_a_client_that_is_killed_in_the_upload_leaves_nothing(served, work, platform):
    work.commit({"big": os.urandom(30 * 1024**2)})
    process = work.popen("-c", "http.postBuffer=65536", "push", served.url(), "main")
    assert eventually(lambda: list((served.repository / "objects").glob("tmp_objdir-*")) != [])
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(5)
    assert eventually(lambda: processes(served) == [])
    assert eventually(lambda: not list((served.repository / "objects").glob("tmp_objdir-*")))
    assert (served.ref(), platform.pushed) == ("", [])


def eventually(holds, seconds: float = 15.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.02)
    return False


def processes(served) -> list[str]:
    """Return the command lines that name the platform's repository."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if str(served.repository).encode() in words and b"receive-pack" in words:
            found.append(words.decode())
    return found


def test_a_large_pack_is_taken_in_bounded_memory(served, work):
    work.commit({f"f{n}": os.urandom(6 * 1024**2) for n in range(10)})
    before = memory(os.getpid())
    process = work.popen("push", served.url(), "main:big")
    peak = before
    while process.poll() is None:
        peak = max(peak, memory(os.getpid()))
        time.sleep(0.02)
    assert process.returncode == 0
    assert peak - before < 32 * 1024


def test_a_pack_over_the_limit_is_refused_with_gits_own_words(served, work, monkeypatch):
    from minato.drivers.git import commands

    monkeypatch.setitem(commands.RECEIVE, "receive.maxInputSize", str(2 * 1024**2))
    work.commit({"big": os.urandom(12 * 1024**2)})
    done = work.push(served.url())
    assert done.returncode == 1
    assert "pack exceeds maximum allowed size" in done.stderr
    assert "Everything up-to-date" not in done.stderr


def test_lfs_clients_read_why(served):
    _, headers, body = ask(served, "POST", "/git/shop.git/info/lfs/objects/batch", body=b"{}")
    assert headers["content-type"] == "application/vnd.git-lfs+json"
    assert b'{"message":"Git LFS is not supported' in body


def test_a_hook_with_an_unknown_push_is_refused(served, work, monkeypatch):
    import json
    import socket

    ask(served, "GET", "/git/shop.git/info/refs?service=git-receive-pack")
    with socket.socket(socket.AF_UNIX) as hook:
        hook.connect(str(served.config.hook_socket))
        question = {
            "push": "guess",
            "atomic": False,
            "options": [],
            "changes": [["0" * 40, "1" * 40, "refs/heads/main"]],
        }
        hook.sendall(json.dumps(question).encode() + b"\n")
        assert b"push again" in hook.makefile("rb").readline()


def test_the_hooks_folder_lies_outside_every_repository(served, work):
    work.commit({"app.py": "x"})
    work.push(served.url())
    assert not (served.repository / "hooks").exists()
    hook = served.config.hook_socket.parent / "hooks" / "proc-receive"
    assert hook.stat().st_mode & 0o777 == 0o500
    assert served.config.hook_socket.parent.stat().st_mode & 0o777 == 0o700
