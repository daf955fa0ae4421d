"""ClickHouse's HTTP interface as a raw ASGI application: `/ping` and `/`, for whoever has the key."""

from __future__ import annotations

import asyncio
import hmac
import re
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl

from telemetryd.request import statement
from telemetryd.store import CONNECTIONS, StatementError, Store

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LARGEST = 64 << 20  # bytes of one request's body
MOST_WAITING = 64  # requests; more are told to come again
CODE = re.compile(r"Code: (\d+)")


class BodyTooLargeError(Exception):
    """A body over the limit."""


class Interface:
    """The application. Statements run in as many threads as the store has connections."""

    def __init__(self, store: Store, key: str) -> None:
        self.store = store
        self.key = key.encode()
        self.waiting = 0
        self.threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="statement")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/ping":
            await _answer(send, 200, b"Ok.\n")
        elif scope["path"] != "/" or scope["method"] not in ("GET", "POST"):
            await _answer(send, 404, b"There is no handle for this path.\n")
        elif not hmac.compare_digest(_key(scope), self.key):
            await _answer(send, 401, b"Code: 516. DB::Exception: the key is wrong or missing (AUTHENTICATION_FAILED)\n")
        elif any(name == b"content-encoding" for name, _ in scope["headers"]):
            await _answer(send, 415, b"Code: 117. DB::Exception: send the body as it is, without compression\n")
        elif self.waiting >= MOST_WAITING:
            await _answer(
                send, 503, b"Code: 202. DB::Exception: too many statements at once (TOO_MANY_SIMULTANEOUS_QUERIES)\n"
            )
        else:
            await self._statement(scope, receive, send)

    async def _statement(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.waiting += 1
        try:
            body = await _body(receive)
            answer = await asyncio.get_running_loop().run_in_executor(
                self.threads, self._run, scope["query_string"], body
            )
            await _answer(send, 200, answer)
        except (ValueError, UnicodeError) as error:
            await _answer(send, 400, f"Code: 62. DB::Exception: {error} (SYNTAX_ERROR)\n".encode())
        except BodyTooLargeError:
            await _answer(send, 413, f"Code: 307. DB::Exception: a body is at most {LARGEST} bytes\n".encode())
        except StatementError as error:
            await _answer(send, 500, f"{error}\n".encode())
        finally:
            self.waiting -= 1

    def _run(self, query_string: bytes, body: bytes) -> bytes:
        asked = statement(query_string, body)
        if asked.data is None:
            return self.store.query(asked.sql, asked.format, asked.parameters)
        if asked.data.strip():
            self.store.insert(asked.sql, asked.format, asked.data)
        return b""


def _key(scope: Scope) -> bytes:
    """Return the key that a request carries: header, Basic password or query string."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    found: dict[bytes, bytes] = dict(headers)
    named: bytes | None = found.get(b"x-clickhouse-key")
    if named is not None:
        return named
    kind, _, value = found.get(b"authorization", b"").partition(b" ")
    if kind.lower() == b"basic":
        try:
            return b64decode(value).partition(b":")[2]
        except ValueError:
            return b""
    asked: bytes = scope["query_string"]
    return dict(parse_qsl(asked.decode("latin-1"))).get("password", "").encode()


async def _body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > LARGEST:
            raise BodyTooLargeError
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=UTF-8"), (b"content-length", str(len(body)).encode())]
    if status != 200 and (code := CODE.search(body.decode("utf-8", "replace"))):
        headers.append((b"x-clickhouse-exception-code", code[1].encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
