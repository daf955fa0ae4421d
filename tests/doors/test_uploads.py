"""Source by upload."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import socket
import tarfile

import pytest

PLACE = "/api/v1/apps/shop/sources"
OCTETS = "application/octet-stream"


def archive(name: str = "app.py") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        made = tarfile.TarInfo(name)
        made.size = 5
        tar.addfile(made, io.BytesIO(b"hello"))
    return out.getvalue()


def put(served, body=b"", *, path: str = PLACE, token: str = "alice-token", method: str = "PUT", **headers: str):
    link = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    given = {"Authorization": f"Bearer {token}"} if token else {}
    kind = {"Content-Type": OCTETS, **{k.replace("_", "-"): v for k, v in headers.items()}}
    link.request(method, path, body=body, headers={**given, **kind})
    answer = link.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    link.close()
    return found


def leftovers(served) -> list:
    return [p for p in served.config.blobs.rglob("*") if p.is_file()]


def test_an_upload_becomes_a_deploy_to_watch(served, platform):
    status, headers, body = put(served, archive(), Idempotency_Key="once")
    assert status == 202
    assert headers["location"] == "/api/v1/apps/shop/deploys/7"
    assert json.loads(body)["number"] == 7
    name, source, who, key = platform.uploaded[0]
    assert (name, who, key, source.entries, source.size) == ("shop", "alice", "once", 1, 5)
    assert len(leftovers(served)) == 1


def test_it_may_come_in_pieces(served, platform):
    data = archive()
    assert put(served, (data[n : n + 50] for n in range(0, len(data), 50)))[0] == 202
    assert len(platform.uploaded) == 1


def test_a_digest_is_checked(served, platform):
    data = archive()
    good = base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert put(served, data, Content_Digest=f"sha-256=:{good}:")[0] == 202
    status, _, body = put(served, data + b"x", Content_Digest=f"sha-512=:eA==:, sha-256=:{good}:")
    assert (status, json.loads(body)["code"]) == (400, "receive:user:digest")
    assert len(platform.uploaded) == 1


def test_too_large_is_said_before_a_byte_is_read(served):
    link = socket.create_connection(("127.0.0.1", served.port), timeout=5)
    head = f"PUT {PLACE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice-token\r\nContent-Type: {OCTETS}\r\n"
    link.sendall(f"{head}Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n".encode())
    assert link.recv(12) == b"HTTP/1.1 413"
    link.close()


def test_too_large_in_pieces_stops_at_the_limit(served, monkeypatch):
    monkeypatch.setattr("doors.uploads.LIMIT", 1_000_000)
    try:
        status = put(served, (bytes(65536) for _ in range(64)))[0]
    except (BrokenPipeError, ConnectionResetError):
        status = 413
    assert status == 413
    assert leftovers(served) == []


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Content_Type": "multipart/form-data"}, 415, "receive:user:media-type"),
        ({"Idempotency_Key": "x" * 100}, 400, "receive:user:idempotency-key"),
        ({"method": "POST"}, 405, "receive:user:method"),
        ({"token": "reader-token"}, 403, "access:user:forbidden"),
        ({"token": ""}, 401, "access:user:unknown"),
        ({"token": "unknown"}, 401, "access:user:unknown"),
        ({"token": "bob-token"}, 404, "app:user:not-found"),
    ],
)
def test_refusals_are_problems(served, platform, headers, status, code):
    got, found, body = put(served, archive(), **headers)
    told = json.loads(body)
    assert (got, told["status"], told["code"]) == (status, status, code)
    assert found["content-type"] == "application/problem+json"
    assert told["request_id"] == found["x-request-id"]
    assert {"type", "title", "detail", "hint"} <= told.keys()
    assert platform.uploaded == []
    assert leftovers(served) == []


@pytest.mark.parametrize("method", ["PUT", "GET", "POST", "DELETE"])
def test_a_stranger_gets_what_nobody_gets(served, method):
    answers = []
    for app in ("shop", "nope"):
        status, headers, body = put(
            served, path=f"/api/v1/apps/{app}/sources", token="bob-token", method=method, X_Request_ID="same"
        )
        answers.append((status, {k: v for k, v in headers.items() if k != "date"}, body))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


def test_basic_credentials_and_sessions_do_not_upload(served):
    link = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
    basic = base64.b64encode(b"any:alice-token").decode()
    link.request("PUT", PLACE, body=archive(), headers={"Authorization": f"Basic {basic}", "Content-Type": OCTETS})
    answer = link.getresponse()
    assert (answer.status, answer.getheader("www-authenticate")) == (401, "Bearer")


def test_a_hostile_archive_is_a_problem_with_evidence_and_leaves_nothing(served, platform):
    status, _, body = put(served, archive("../evil"))
    told = json.loads(body)
    assert (status, told["code"], told["evidence"]) == (422, "receive:user:name", "../evil")
    assert leftovers(served) == []


def test_a_cut_upload_leaves_nothing(served, platform):
    link = socket.create_connection(("127.0.0.1", served.port), timeout=5)
    head = f"PUT {PLACE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice-token\r\nContent-Type: {OCTETS}\r\n"
    link.sendall(f"{head}Content-Length: 100000\r\n\r\n".encode() + bytes(5000))
    link.close()
    assert put(served, archive())[0] == 202
    assert len(platform.uploaded) == 1
    assert len(leftovers(served)) == 1
