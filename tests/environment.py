"""What must be set before Django reads its settings: pytest loads this first (`-p tests.environment`).

Unit tests never see this checkout's own platform, and the outside is fakes.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

FAKES = "engine,registry,router,telemetry,streams"

BEFORE = dict(os.environ)  # of the running test platform, for the fixture `real`
_scratch = tempfile.TemporaryDirectory(prefix="minato-unit-")
os.environ["MINATO_VAR"] = _scratch.name
os.environ["MINATO_FAKES"] = FAKES
os.environ.pop("MINATO_NS", None)
(Path(_scratch.name) / "data").mkdir()
