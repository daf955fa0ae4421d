"""ClickHouse's HTTP interface, as its own client and as a stranger speak it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import clickhouse_connect
import httpx
import pytest
import uvicorn

from minato.drivers.telemetry.key import shared_key
from telemetryd.__main__ import watch
from telemetryd.request import statement

spec = importlib.util.spec_from_file_location("contract", Path(__file__).parents[1] / "drivers/test_telemetry.py")
contract = importlib.util.module_from_spec(spec)
spec.loader.exec_module(contract)
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[contract.Server]:
    server = contract.Server(tmp_path_factory.mktemp("telemetryd"))
    server.client.migrate()
    yield server
    server.stop()


def ask(server, sql: str, **more) -> httpx.Response:
    headers = {"X-ClickHouse-Key": shared_key(server.config.keys)}
    return httpx.post(
        server.config.telemetry_url,
        params={"query": sql, **more.pop("params", {})},
        headers=headers,
        timeout=30,
        **more,
    )


def test_it_answers_a_ping_without_a_key(server):
    assert httpx.get(f"{server.config.telemetry_url}/ping").text == "Ok.\n"


@pytest.mark.parametrize(
    "headers", [{}, {"X-ClickHouse-Key": ""}, {"X-ClickHouse-Key": "wrong"}, {"Authorization": "Basic !"}]
)
def test_without_the_key_nobody_reads(server, headers):
    answer = httpx.get(server.config.telemetry_url, params={"query": "SELECT 1"}, headers=headers)
    assert answer.status_code == 401
    assert "516" in answer.text


def test_it_listens_on_loopback_alone(server):
    listening = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout
    mine = [row.split()[3] for row in listening.splitlines() if f"pid={server.process.pid}," in row]
    assert mine == [f"127.0.0.1:{server.config.ports.telemetry}"]


def test_clickhouse_s_own_client_reads_and_writes(server):
    client = clickhouse_connect.get_client(
        host="127.0.0.1",
        port=server.config.ports.telemetry,
        compress=False,
        username="default",
        password=shared_key(server.config.keys),
    )
    client.command("CREATE TABLE IF NOT EXISTS t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
    client.insert("t", [[1, "one"], [2, "twö\x00"]], column_names=["n", "s"])
    assert client.query(
        "SELECT n, s FROM t WHERE n >= {least:UInt8} ORDER BY n", parameters={"least": 1}
    ).result_rows == [(1, "one"), (2, "twö\x00")]
    client.command("DROP TABLE t")


def test_a_query_s_memory_is_bounded(server):
    answer = ask(server, "SELECT length(groupArray(number)) FROM numbers(200000000)")
    assert answer.status_code == 500
    assert answer.headers["x-clickhouse-exception-code"] == "241"


def test_a_query_s_answer_is_bounded(server):
    assert ask(server, "SELECT number FROM numbers(300000)").status_code == 500


def test_bad_rows_are_refused_whole(server):
    ask(server, "CREATE TABLE bad (n UInt64) ENGINE = MergeTree ORDER BY n")
    assert ask(server, "INSERT INTO bad FORMAT JSONEachRow", content=b'{"n":1}\n{"n":"x"}').status_code == 500
    assert ask(server, "SELECT count() FROM bad").text == "0\n"
    ask(server, "DROP TABLE bad")


def test_no_statement_is_a_fault_of_the_caller(server):
    assert ask(server, "").status_code == 400


def test_a_body_over_the_limit_is_refused(server):
    assert ask(server, "INSERT INTO lines FORMAT JSONEachRow", content=b" " * (65 << 20)).status_code == 413


def test_four_slow_queries_run_at_once(server):
    headers = {"X-ClickHouse-Key": shared_key(server.config.keys)}
    began = time.monotonic()
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as threads:
        list(
            threads.map(
                lambda _: httpx.get(
                    server.config.telemetry_url, params={"query": "SELECT sleep(0.5)"}, headers=headers
                ),
                range(4),
            )
        )
    assert time.monotonic() - began < 1.5


def test_a_second_process_cannot_open_the_data_path(server):
    env = {**server.env, "MINATO_PORT": str(contract.free_port())}
    second = subprocess.run([sys.executable, "-m", "telemetryd"], env=env, capture_output=True, timeout=60)
    assert second.returncode != 0


def test_it_ends_by_itself_when_it_has_grown_too_big():
    server = uvicorn.Server(uvicorn.Config("nothing"))
    watch(server, biggest=1, look=0.01)
    assert server.should_exit


@pytest.mark.parametrize(
    "query, body, format, data",
    [
        (b"query=INSERT+INTO+t+(a)+FORMAT+JSONEachRow", b'{"a":1}', "JSONEachRow", b'{"a":1}'),
        (b"", b"INSERT INTO `t` (`a`) FORMAT Native\n\x01\x00\n", "Native", b"\x01\x00\n"),
        (b"", b'insert into t format JSONEachRow {"a":"FORMAT x"}', "JSONEachRow", b'{"a":"FORMAT x"}'),
        (b"query=SELECT+1&param_a=b&default_format=CSV", b"", "CSV", None),
        (b"", b"INSERT INTO t VALUES (1)", "TabSeparated", None),
    ],
)
def test_statements_are_read_as_clickhouse_reads_them(query, body, format, data):
    found = statement(query, body)
    assert (found.format, found.data) == (format, data)
