"""What HAProxy is started from, and that it starts alone."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from launch import router
from minato.route import statefile
from minato.route.plan import Server
from minato.route.statefile import Kept
from tests.fixtures.harbour_front import HOST, Front, TinyApp, eventually, free_port, slot, state


@pytest.fixture
def front():
    front = Front()
    yield front
    front.close()


@pytest.fixture
def app():
    app = TinyApp("hello", "127.0.0.61", free_port("127.0.0.61"))
    yield app
    app.crash()


def keep(front: Front, app: TinyApp) -> None:
    servers = {1: (Server(name="web.1.aaaaaaaaaaaa", address=app.address),)}
    statefile.write(front.config.router_state, Kept(state=state(3, 1, slot(1, app.port)), servers=servers))


def test_it_starts_from_the_state_file_alone(front, app):
    keep(front, app)
    front.start()
    assert front.get().body == "hello"
    assert front.get(host="nobody.apps.localhost").status == 404


def test_it_starts_empty_without_a_file_and_with_a_broken_one(front):
    front.start()
    assert front.get().status == 404
    front.kill()
    front.config.router_state.parent.mkdir(parents=True, exist_ok=True)
    front.config.router_state.write_text("{")
    front.start()
    assert front.get().status == 404


def test_a_killed_master_takes_its_worker_with_it(front, app):
    keep(front, app)
    front.start()
    (worker,) = Path(f"/proc/{front.process.pid}/task/{front.process.pid}/children").read_text().split()
    front.process.kill()
    front.process.wait()
    eventually(lambda: not Path(f"/proc/{worker}/cmdline").exists() or not Path(f"/proc/{worker}/cmdline").read_bytes())
    front.start()
    assert front.get().body == "hello"


def test_a_killed_worker_ends_the_master_so_that_the_supervisor_sees_it(front):
    front.start()
    (worker,) = Path(f"/proc/{front.process.pid}/task/{front.process.pid}/children").read_text().split()
    subprocess.run(["kill", "-9", worker], check=True)
    assert front.process.wait(5) != 0


def test_the_admin_socket_and_what_it_starts_from_are_its_owners_alone(front, app):
    keep(front, app)
    front.start()
    folder = front.config.router_socket.parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in folder.iterdir()} == {0}
    assert (front.config.logs / "router.log").stat().st_mode & 0o777 == 0o600


def test_it_listens_on_the_bind_address_and_nowhere_else(front):
    front.start()
    listening = subprocess.run(
        ["ss", "-Hltn", f"sport = :{front.config.ports.router}"], capture_output=True, text=True, check=True
    )
    assert [line.split()[3] for line in listening.stdout.splitlines()] == [f"127.0.0.1:{front.config.ports.router}"]


def test_a_thousand_slots_are_ready_within_a_second(front):
    front.env["MINATO_SLOTS"] = "1024"
    front.config = replace(front.config, slots=1024)
    front.start()
    assert front.get().status == 404


def test_with_a_certificate_it_speaks_tls_and_says_so(front, app, tmp_path):
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
            ),
            *("-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem"), "-subj", "/CN=apps"),
            *("-addext", "subjectAltName=DNS:*.apps.localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    front.env |= {"MINATO_TLS_CERT": str(tmp_path / "cert.pem"), "MINATO_TLS_KEY": str(tmp_path / "key.pem")}
    keep(front, app)
    front.start()
    trust = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    with httpx.Client(verify=trust, trust_env=False) as client:
        answer = client.get(f"https://127.0.0.1:{front.config.ports.router}/tls", headers={"Host": HOST})
    assert answer.text == "hello"
    headers = next(headers for _, path, headers in app.seen if path == "/tls")
    assert headers["x-forwarded-proto"] == "https"
    assert (front.config.router_socket.parent / "tls.pem").stat().st_mode & 0o777 == 0o600


def test_without_haproxy_it_says_what_to_install(front, monkeypatch):
    monkeypatch.setattr(router.shutil, "which", lambda *_, **__: None)
    with pytest.raises(router.PlatformError) as missing:
        router.become(front.home, log_file=front.home / "router.log")
    assert missing.value.code == "router:platform:no-haproxy"
