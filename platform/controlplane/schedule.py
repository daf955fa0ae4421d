"""Periodic work: the one list. Every entry may run twice at once, or late, without harm."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

SCHEDULE: dict[str, dict[str, Any]] = {
    # Beside `manage.py reconcile`, which runs every 2 s: a platform whose reconciler is away still mends itself.
    "reconcile": {
        "task": "deploys.reconcile",
        "schedule": timedelta(seconds=30),
        "options": {"queue": "default", "expires": 25},
    },
    "sessions": {
        "task": "deploys.clear_sessions",
        "schedule": timedelta(hours=6),
        "options": {"queue": "default", "expires": 3600},
    },
}
