"""The one owner of the data path: a few chDB connections, each with bounds that no query can pass."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Iterator, Mapping
from pathlib import Path

from chdb.state.sqlitelike import Connection, connect

CONNECTIONS = 4
BOUNDS = {
    "max_memory_usage": 400_000_000,  # bytes per query
    "max_execution_time": 10,  # seconds
    "max_result_rows": 200_000,
    "max_result_bytes": 100_000_000,
    "max_threads": 2,
    "max_insert_threads": 1,
    "input_format_parallel_parsing": 0,
    "output_format_json_quote_64bit_integers": 0,
}


class StatementError(Exception):
    """The engine said no: a fault in the statement, the data or a bound that it would pass."""


class Store:
    """Threads may share it; each call takes a connection of its own."""

    def __init__(self, path: Path, *, connections: int = CONNECTIONS) -> None:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._free: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        self._all = [connect(str(path)) for _ in range(connections)]
        self._all[0].query("CREATE DATABASE IF NOT EXISTS minato")
        for connection in self._all:
            connection.query("USE minato")
            for name, value in BOUNDS.items():
                connection.query(f"SET {name} = {value}")
            self._free.put(connection)

    def query(self, sql: str, format: str, parameters: Mapping[str, str]) -> bytes:
        """Return the answer in `format`, unless the statement names another; raises StatementError."""
        with self._connection() as connection:
            try:
                return bytes(connection.query(sql, format, params=dict(parameters)).bytes())
            except (RuntimeError, ValueError) as error:
                raise StatementError(str(error)) from error

    def insert(self, statement: str, format: str, data: bytes) -> int:
        """Insert rows of `format`, on disk when this returns; `statement` has no FORMAT. Returns how many."""
        with self._connection() as connection:
            try:
                with connection.send_insert(statement, format) as rows:
                    rows.append(data)
                    return int(rows.finish().rows_written)
            except RuntimeError as error:
                raise StatementError(str(error)) from error

    def close(self) -> None:
        """Give the data path back; waits for what runs."""
        for _ in self._all:
            self._free.get().close()

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        connection = self._free.get()
        try:
            yield connection
        finally:
            self._free.put(connection)
