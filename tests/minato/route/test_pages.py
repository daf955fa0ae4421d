"""What a real HAProxy answers by itself, what it passes on, and what it writes down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from minato.drivers.router.haproxy import HaproxyRouter
from minato.route import haproxy, logformat, pages, plan
from minato.route.plan import Server, Table
from minato.values.router import RouterState
from tests.fixtures.harbour_front import HOST, Front, TinyApp, ask, eventually, exchange, free_port, slot

HTML = {"Accept": "text/html,application/xhtml+xml"}
DEAD = Server(name="web.1.deaddeaddead", address="127.0.0.59")


@pytest.fixture(scope="module")
def app() -> Iterator[TinyApp]:
    app = TinyApp("hello", "127.0.0.51", free_port("127.0.0.51"))
    yield app
    app.crash()


@pytest.fixture(scope="module")
def front(app: TinyApp) -> Iterator[Front]:
    front = Front(MINATO_TIME_FIRST_BYTE="1")
    front.start()
    hosts = {HOST: 1, "empty.apps.localhost": 2, "dead.apps.localhost": 3}
    closed = {f"{code.lower()}.apps.localhost": code for code in haproxy.CLOSED}
    slots = slot(1, app.port), slot(2, 20002), slot(3, 9)
    owners = {"h14.apps.localhost": "a_closedclos"}
    state = RouterState(generation=1, hosts=hosts, slots=slots, closed=closed, owners=owners)
    servers = {1: [Server(name="web.1.aaaaaaaaaaaa", address=app.address)], 3: [DEAD]}
    HaproxyRouter(front.config.router_socket).commands(plan.commands(Table(), plan.table(state, servers, slots=8)))
    yield front
    front.close()


def last_line(front: Front, request_id: str) -> dict[str, str]:
    found: list[dict[str, str]] = []

    def look() -> bool:
        found[:] = [row for line in front.log() if (row := logformat.fields(line)).get("request_id") == request_id]
        return bool(found)

    eventually(look)
    return found[-1]


# -- pages ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "host",
    [
        *("nobody.apps.localhost", "apps.localhost", "127.0.0.1:1", "H14", "slot0001", "x" * 300, ""),
        *(f"{HOST}:80@evil.example", f"{HOST},evil.example", f"{HOST}:", f"{HOST}/evil", f"evil@{HOST}"),
    ],
)
def test_an_unknown_host_is_told_nothing(front, host):
    answer = front.get(host=host)
    assert answer.status == 404
    assert answer.body == pages.text("unknown", pages.PAGES["unknown"]) + "\n"
    assert "shop" not in answer.body


@pytest.mark.parametrize("code", haproxy.CLOSED)
def test_a_closed_app_answers_with_its_code(front, code):
    answer = front.get(host=f"{code.lower()}.apps.localhost")
    assert (answer.status, answer.headers["x-minato-error"]) == (503, code)
    assert answer.body.startswith(f"{code}: ")


def test_a_browser_gets_a_page_and_curl_a_line(front):
    page = front.get(host="h14.apps.localhost", headers=HTML)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.body.startswith("<!doctype html>")
    assert "H14" in page.body
    line = front.get(host="h14.apps.localhost", headers={"Accept": "*/*"})
    assert line.headers["content-type"] == "text/plain; charset=utf-8"
    assert line.body.count("\n") == 1


def test_an_app_without_an_instance_is_h10(front):
    answer = front.get(host="empty.apps.localhost")
    assert (answer.status, answer.headers["x-minato-error"]) == (503, "H10")


def test_an_app_that_takes_no_connection_is_h10_as_soon_as_its_check_knows(front):
    answer = front.get(host="dead.apps.localhost")
    assert answer.status == 503
    assert answer.headers["x-minato-error"] in ("H10", "H21")


def test_an_app_that_is_too_slow_is_h12(front):
    answer = front.get("/slow?s=3", headers={"X-Request-ID": "too-slow"})
    assert (answer.status, answer.headers["x-minato-error"]) == (504, "H12")
    assert logformat.code(last_line(front, "too-slow")) == "H12"


def test_an_app_that_breaks_off_is_h13(front):
    answer = front.get("/break", headers={"X-Request-ID": "broke-off"}, method="POST")
    assert (answer.status, answer.headers["x-minato-error"]) == (502, "H13")
    assert logformat.code(last_line(front, "broke-off")) == "H13"


def test_no_page_is_kept_by_a_cache(front):
    assert front.get(host="nobody.apps.localhost").headers["cache-control"] == "no-store"


# -- what is passed on ------------------------------------------------------------------------------------------------
def seen_by(app: TinyApp, path: str) -> dict[str, str]:
    return next(headers for _, seen, headers in reversed(app.seen) if seen == path)


def test_a_post_that_breaks_is_not_asked_again_and_a_get_is(front, app):
    front.get("/break-post", method="POST")
    front.get("/break-get")
    assert [path for _, path, _ in app.seen].count("/break-post") == 1
    assert [path for _, path, _ in app.seen].count("/break-get") == 4


def test_the_app_learns_who_asks_and_how(front, app):
    front.get(
        "/who", headers={"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "Forwarded": "for=1.1.1.1"}
    )
    seen = seen_by(app, "/who")
    assert seen["x-forwarded-for"] == "203.0.113.9, 127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-forwarded-port"] == str(front.config.ports.router)
    assert "forwarded" not in seen


def test_nobody_speaks_for_the_router_by_another_spelling(front, app):
    forged = ("X_Forwarded_For", "X-Forwarded_Proto", "X-Forwarded-Host", "X_Request_ID", "X-Real-IP", "Proxy")
    front.get("/forged", headers={**dict.fromkeys(forged, "evil.example"), "X_Own": "stays", "X-Request-ID": "sane"})
    seen = seen_by(app, "/forged")
    assert not [name for name, value in seen.items() if "evil" in value]
    assert (seen["x_own"], seen["x-request-id"]) == ("stays", "sane")
    assert seen["host"] == HOST


def test_a_request_id_is_passed_on_and_made_when_there_is_no_sane_one(front, app):
    front.get("/id-given", headers={"X-Request-ID": "abc-1.2"})
    assert seen_by(app, "/id-given")["x-request-id"] == "abc-1.2"
    front.get("/id-none")
    assert len(seen_by(app, "/id-none")["x-request-id"]) == 36
    front.get("/id-odd", headers={"X-Request-ID": 'a"b c'})
    assert len(seen_by(app, "/id-odd")["x-request-id"]) == 36


def test_the_host_is_found_with_port_in_capitals_and_with_a_dot(front):
    for host in (f"{HOST}:{front.config.ports.router}", HOST.upper(), f"{HOST}."):
        assert front.get(host=host).body == "hello"


def test_a_head_request_has_no_body(front):
    assert front.get(method="HEAD").status == 200
    assert front.get(method="HEAD", host="nobody.apps.localhost").status == 404


def test_a_tunnel_stays_open_longer_than_an_answer_may_take(front):
    async def tunnel() -> bytes:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"  # RFC 6455 1.3
            )
            await asyncio.sleep(1.6)
            writer.write(b"late")
            await writer.drain()
            await asyncio.sleep(0.2)
            writer.close()

        port = free_port("127.0.0.52")
        async with await asyncio.start_server(serve, "127.0.0.52", port):
            socket = HaproxyRouter(front.config.router_socket)
            await asyncio.to_thread(socket.commands, plan.add("slot0005", "web.1.tunnel", f"127.0.0.52:{port}"))
            await asyncio.to_thread(socket.command, "add map hosts.map ws.apps.localhost slot0005")
            reader, writer = await asyncio.open_connection("127.0.0.1", front.config.ports.router)
            writer.write(
                b"GET / HTTP/1.1\r\nHost: ws.apps.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            assert b"101" in await reader.readuntil(b"\r\n\r\n")
            late = await reader.readexactly(4)
            writer.close()
            return late

    assert asyncio.run(tunnel()) == b"late"


def test_a_stream_of_events_may_be_silent_longer_than_an_answer_may_take(front):
    answer = front.get("/slow?s=1.6", headers={"Accept": "text/event-stream"})
    assert answer.body == "hello"


def test_one_connection_asks_for_many_apps(front):
    async def both() -> list[int]:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.config.ports.router)
        found = [
            await exchange(reader, writer, "/", host=host, headers={})
            for host in (HOST, "nobody.apps.localhost", HOST, "h80.apps.localhost", HOST)
        ]
        writer.close()
        return [answer.status for answer in found]

    assert asyncio.run(both()) == [200, 404, 200, 503, 200]


# -- the log ----------------------------------------------------------------------------------------------------------
def test_a_line_tells_app_deploy_release_and_instance(front):
    front.get("/a?b=1", headers={"X-Request-ID": "told"})
    row = last_line(front, "told")
    assert (row["app"], row["deploy"], row["release"]) == ("a_shopshopsh", "1", "v1")
    assert (row["slot"], row["server"]) == ("slot0001", "web.1.aaaaaaaaaaaa")
    assert (row["method"], row["path"], row["host"], row["status"]) == ("GET", "/a?b=1", HOST, "200")
    assert (row["fwd"], row["protocol"], row["end"]) == ("127.0.0.1", "http", "--")
    assert logformat.code(row) == ""
    assert 0 <= logformat.service_ms(row) < 1000
    assert abs(int(row["t"]) / 1e6 - time.time()) < 60


def test_nothing_that_a_visitor_writes_can_forge_a_line(front):
    front.get('/"x="1"\\', headers={"X-Request-ID": "forged", "X-Forwarded-For": 'evil" status=200 app=a_other "'})
    row = last_line(front, "forged")
    assert row["app"] == "a_shopshopsh"
    assert row["path"] == '/"x="1"\\'
    assert row["fwd"] == 'evil" status=200 app=a_other ", 127.0.0.1'
    assert row["status"] == "200"


def test_a_closed_app_is_told_of_its_visitors_and_nobody_of_an_unknown_host(front):
    front.get(host="h14.apps.localhost", headers={"X-Request-ID": "closed"})
    row = last_line(front, "closed")
    assert (row["app"], row["release"], row["slot"]) == ("a_closedclos", "-", "H14")
    assert logformat.code(row) == "H14"
    front.get(host="nobody.apps.localhost", headers={"X-Request-ID": "nobody"})
    assert last_line(front, "nobody")["app"] == "-"
    front.get(host="empty.apps.localhost", headers={"X-Request-ID": "empty"})
    row = last_line(front, "empty")
    assert (row["app"], row["server"], logformat.code(row)) == ("a_shopshopsh", "<NOSRV>", "H10")


def test_a_very_long_path_is_cut_and_the_line_stays_whole(front):
    front.get("/" + "a" * 5000, headers={"X-Request-ID": "long"})
    assert len(last_line(front, "long")["path"]) == logformat.PATH_BYTES


def test_a_notice_of_haproxys_own_is_no_request():
    assert logformat.fields("Server slot0001/web.1.aaaaaaaaaaaa is DOWN, reason: Layer4 connection problem.") == {}
    assert logformat.fields("t=1 app=a_x deploy=1") == {}


def test_many_requests_at_once_are_all_told(front):
    async def many() -> list[int]:
        answers = [ask(front.config.ports.router, "/many", headers={}) for _ in range(100)]
        return [answer.status for answer in await asyncio.gather(*answers)]

    statuses = asyncio.run(many())

    def told() -> list[str]:
        rows = map(logformat.fields, front.log())
        return [row["status"] + row["end"] for row in rows if row.get("path") == "/many"]

    eventually(lambda: len(told()) == 100, within=2, message=lambda: (len(told()), set(told()), set(statuses)))
