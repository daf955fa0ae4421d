"""Small words of HTTP for raw ASGI: headers in, whole answers out."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

import orjson

from doors import Scope, Send
from minato.errors import MinatoError

Headers = Iterable[tuple[str, str]]


def header(scope: Scope, name: str) -> str:
    """Return a request header's (first) value, or ""."""
    wanted = name.encode()
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == wanted), "")


def request_id(scope: Scope) -> str:
    """Return the caller's request id if it is a sane one, else a new one."""
    given = header(scope, "x-request-id")
    return given if given.isascii() and given.replace("-", "").isalnum() and len(given) <= 64 else secrets.token_hex(16)


def declared_length(scope: Scope) -> int:
    """Return the declared length of the body in bytes; 0 when it comes in chunks."""
    value = header(scope, "content-length")
    return int(value) if value.isascii() and value.isdigit() else 0


async def begin(send: Send, status: int, headers: Headers) -> None:
    raw = [(key.lower().encode(), value.encode("latin-1", "replace")) for key, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": raw})


async def answer(send: Send, status: int, body: bytes, headers: Headers) -> None:
    """Send a whole answer."""
    await begin(send, status, [("Cache-Control", "no-store"), ("Content-Length", str(len(body))), *headers])
    await send({"type": "http.response.body", "body": body})


async def text(send: Send, status: int, words: str, headers: Headers = ()) -> None:
    """Send lines that git shows as `remote: …`: it does so for text/plain alone."""
    await answer(send, status, f"{words}\n".encode(), [("Content-Type", "text/plain; charset=utf-8"), *headers])


TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    408: "Request timed out",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    422: "Cannot be processed",
    500: "Internal error",
    503: "Unavailable",
    507: "Storage full",
}


async def problem(send: Send, status: int, error: MinatoError, request: str, headers: Headers = ()) -> None:
    """Send RFC 9457 problem JSON with our code and hint."""
    body = {
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": error.message,
        "code": error.code,
        "hint": error.hint,
        "request_id": request,
        **({"evidence": error.evidence} if error.evidence else {}),
    }
    kind = [("Content-Type", "application/problem+json"), ("X-Request-ID", request)]
    await answer(send, status, orjson.dumps(body), [*kind, *headers])
