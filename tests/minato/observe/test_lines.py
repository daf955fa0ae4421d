"""Docker's records and the router's lines become what people read."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from minato.observe import lines
from minato.observe.lines import Joiner, Origin
from minato.values.log import Line

ORIGIN = Origin(app="a_shop", process="web.1", release="v6", container="0f3c00000000")
AT = "2026-11-24T08:22:39.310540123Z"


def record(text: str, *, stream: str = "stdout", at: str = AT) -> bytes:
    return json.dumps({"log": text, "stream": stream, "time": at}).encode() + b"\n"


def feed(*records: bytes) -> list[Line]:
    return list(Joiner(ORIGIN).feed(b"".join(records), generation="ab", offset=100))


def test_a_record_is_a_line():
    assert feed(record("hello\n")) == [
        Line(
            id="0f3c00000000:ab:000000000100",
            at=datetime(2026, 11, 24, 8, 22, 39, 310540, tzinfo=UTC),
            app="a_shop",
            source="app",
            process="web.1",
            text="hello",
            release="v6",
            container="0f3c00000000",
        )
    ]
    assert feed(record("hello\n"))[0].render() == "2026-11-24T08:22:39.310540+00:00 app[web.1]: hello"


def test_what_docker_cut_is_one_line_again():
    found = feed(record("a" * 16384), record("b" * 16384), record("c\n"), record("next\n"))
    assert [line.text for line in found] == ["a" * 16384 + "b" * 16384 + "c", "next"]
    assert found[0].id.endswith(":000000000100")


def test_two_streams_do_not_mix():
    found = feed(record("out "), record("err\n", stream="stderr"), record("put\n"))
    assert [line.text for line in found] == ["err", "out put"]


def test_a_line_without_an_end_waits_for_it():
    joiner = Joiner(ORIGIN)
    assert list(joiner.feed(record("first\n") + record("half"), generation="ab", offset=0)) != []
    assert joiner.begun == len(record("first\n"))
    assert [line.text for line in joiner.flush("ab")] == ["half"]
    assert joiner.begun is None


def test_a_line_without_any_end_is_cut_in_the_end():
    assert len(feed(*[record("x" * 16384)] * 4)) == 1


def test_a_broken_record_is_no_line():
    good = record("good\n")
    found = feed(b'{"log":"half of a reco\n', b"\x00\x00\n", b"[]\n", b"3\n", good)
    assert [line.text for line in found] == ["good"]
    assert int(found[0].id.rpartition(":")[2]) == 100 + 23 + 3 + 3 + 2


@pytest.mark.parametrize(
    "text, level",
    [
        ("ERROR something", "error"),
        ("2026-11-24 08:00:00,1 WARNING root: x", "warning"),
        ('{"level": "info", "m": "an error"}', "info"),
        ("level=debug msg=x", "debug"),
        ("[CRITICAL] x", "error"),
        ("an errand", ""),
        ("information", ""),
        ("x" * 200 + " error", ""),
        ("", ""),
    ],
)
def test_levels_are_found_in_the_beginning(text, level):
    assert lines.level(text) == level


@pytest.mark.parametrize(
    "raw, text",
    [
        ("plain\r\n", "plain"),
        ("10%\r20%\n", "10% 20%"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b]0;title\x07\x1b[2Jgone\x00", "]0;title[2Jgone"),
        ("\x9b2J\x9d0;title\x9c\x85", "2J0;title"),
        ("safe \u202etxt.exe\u2069 one\u2028two", "safe txt.exe onetwo"),
        ("tab\tstays", "tab\tstays"),
        ("港", "港"),
    ],
)
def test_no_line_steers_a_terminal(raw, text):
    assert lines.clean(raw) == text


def router(**more: str) -> bytes:
    whole = (
        "t=1763974800123456 app=a_shop deploy=12 release=v6 slot=slot0003 server=web.1.0f3c00000000 method=GET "
        'path="/?q=1" host="shop.apps.localhost" request_id="7f-1" fwd="203.0.113.9" protocol=http '
        "tr=0 tw=0 tc=1 ts=12 ta=13 status=200 bytes=318 end=--"
    )
    fields = {**dict(part.split("=", 1) for part in whole.split()), **more}
    return " ".join(f"{key}={value}" for key, value in fields.items()).encode() + b"\n"


def route(*rows: bytes) -> list[Line]:
    return list(lines.router_lines(b"".join(rows), node="n1", generation="ab", offset=7))


def test_a_request_reads_as_heroku_s():
    (line,) = route(router())
    assert line.text == (
        'at=info method=GET path="/?q=1" host=shop.apps.localhost request_id=7f-1 fwd="203.0.113.9" '
        "process=web.1 connect=1ms service=12ms status=200 bytes=318 protocol=http"
    )
    assert (line.app, line.source, line.process, line.status, line.release) == ("a_shop", "minato", "router", 200, "v6")
    assert (line.level, line.id, line.container) == ("info", "n1:ab:000000000007", "0f3c00000000")
    assert line.at == datetime(2025, 11, 24, 9, 0, 0, 123456, tzinfo=UTC)


def test_a_fault_names_its_code():
    (line,) = route(router(server="<NOSRV>", status="503", tc="-1", ts="-1", end="SC"))
    assert line.text.startswith('at=error code=H10 desc="App crashed" method=GET')
    assert "process= connect= service=" in line.text
    assert line.level == "error"


def test_nobody_forges_a_field():
    (line,) = route(router(path='"/\\" status=200 x=\\"\\u001b[2J"', host='"a b=c"'))
    assert 'path="/\\" status=200 x=\\"[2J"' in line.text
    assert 'host="a b=c"' in line.text


def test_other_lines_of_the_router_are_no_app_s():
    assert route(b"[NOTICE] started\n", router(app="-"), b't=1 path="\n', b"t=\xff end=--\n") == []


def test_the_stream_s_form_is_read_back():
    (line,) = route(router())
    assert lines.decode(lines.encode(line)) == line
    assert json.loads(lines.encode(line))["at"] == "2025-11-24T09:00:00.123456+00:00"
