"""Rows for the doors: a few threads ask the database, so that no open stream holds a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

P = ParamSpec("P")
R = TypeVar("R")

_threads = ThreadPoolExecutor(4, thread_name_prefix="doors-rows")


async def ask(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a short blocking function that may use the database or the store, beside the event loop."""

    def run() -> R:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(_threads, run)
