"""Pre-flight, pkt-lines, gzip bodies and the words of the transcript."""

from __future__ import annotations

import gzip
import io
import zlib

import pytest

from minato.errors import UserError
from minato.receive import preflight
from minato.receive.gunzip import Gunzip, TooLarge
from minato.receive.pktline import announcement, packet
from minato.receive.transcript import Outcome, line, plain, reason, rejection, spoken

BLOB = "a" * 40


def row(path: bytes, size: str = "10", mode: str = "100644", kind: str = "blob") -> bytes:
    return f"{mode} {kind} {BLOB} {size:>7}\t".encode() + path


def test_preflight_counts_files_folders_and_bytes():
    tally = preflight.check([row(b"a"), row(b"d", "-", "040000", "tree"), row(b"d/b", "5")])
    assert (tally.entries, tally.size) == (3, 15)


def test_preflight_reads_records_across_pieces():
    stream = io.BytesIO(row(b"a") + b"\0" + row(b"b" * 100) + b"\0")
    assert [r[-1:] for r in preflight.records(stream, chunk=7)] == [b"a", b"b"]


@pytest.mark.parametrize(
    ("rows", "code", "evidence"),
    [
        ([row(b"lib", "-", "160000", "commit")], "receive:user:submodules", "lib"),
        ([row(b"a\nb")], "receive:user:name", "a\\nb"),
        ([row(b"a", str(2 * 1024**3))], "receive:user:too-large", ""),
        ([row(b"\x1b[2J")], "receive:user:name", "\\x1b[2J"),
    ],
)
def test_preflight_refuses_and_names(rows, code, evidence):
    with pytest.raises(UserError) as error:
        preflight.check(rows)
    assert (error.value.code, error.value.evidence) == (code, evidence)


def test_preflight_stops_at_the_first_entry_too_many():
    def endless():
        for n in range(preflight.ENTRIES + 1):
            yield row(str(n).encode())
        raise AssertionError("it read on")

    with pytest.raises(UserError) as error:
        preflight.check(endless())
    assert error.value.code == "receive:user:too-many-files"


def test_pkt_lines():
    assert packet(b"hello\n") == b"000ahello\n"
    assert announcement("upload-pack") == b"001e# service=git-upload-pack\n0000"
    with pytest.raises(ValueError, match="too long"):
        packet(bytes(65517))


def test_gzip_bodies_open_piece_by_piece():
    data = bytes(range(256)) * 10_000
    packed = gzip.compress(data)
    opened = Gunzip(10**8)
    assert b"".join(p for n in range(0, len(packed), 100) for p in opened.feed(packed[n : n + 100])) == data


def test_a_gzip_bomb_stops_at_the_limit():
    opened, most = Gunzip(10**6), 0
    with pytest.raises(TooLarge):
        for piece in opened.feed(gzip.compress(bytes(10**8))):
            most = max(most, len(piece))
    assert most <= 256 * 1024
    with pytest.raises(zlib.error):
        list(Gunzip(10).feed(b"no gzip"))


def test_lines_of_the_transcript():
    assert line("head", "Building") == "-----> Building"
    assert line("body", "x") == "       x"
    assert line("warn", "no") == " !     no"
    assert spoken({"k": "body", "t": "x"}) == "       x"
    assert [spoken({"k": kind, "t": "{}"}) for kind in ("phase", "build", "end", "")] == [None] * 4


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("a\rb\x00c\x9bd", "abcd"),
        ("tab\there", "tab\there"),
        ("\x1b]8;;u\x1b\\t", "t"),
        ("港", "港"),
    ],
)
def test_nothing_that_drives_a_terminal_is_said(text, kept):
    assert plain(text) == kept


def test_a_long_line_is_cut():
    assert len(plain("x" * 100_000)) == 4096


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome(state="failed", number=7, code="build:user:no-buildpack", build=46), "build #46 failed"),
        (Outcome(state="failed", number=7, code="build:platform:registry"), "build failed"),
        (Outcome(state="failed", number=7, code="release:user:phase-failed"), "release phase failed"),
        (Outcome(state="failed", number=7, code="release:user:config"), "deploy d7 failed"),
        (Outcome(state="cancelled", number=7), "cancelled"),
        (Outcome(state="failed", number=7, code="deploy:user:stale"), "stale: main moved to 1234567, fetch first"),
    ],
)
def test_the_last_word_about_a_ref(outcome, words):
    assert reason(outcome, branch="main", current="1234567" + "0" * 33) == words


def test_a_rejection_has_cause_evidence_and_next_command():
    assert rejection("No web process.", "Procfile: worker", "Add a line.") == [
        " !     Push rejected, no web process.",
        " !     Procfile: worker",
        " !     Add a line.",
    ]
    assert rejection("H99 happened.") == [" !     Push rejected, H99 happened."]
