"""On what it was measured: load, kernel, processors, versions."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from minato.drivers.engine.swarm import SwarmEngine

CPU = "model name"


def load() -> str:
    """Return the load averages of 1, 5 and 15 minutes."""
    return " ".join(f"{one:.2f}" for one in os.getloadavg())


def facts(engine: SwarmEngine, root: Path) -> dict[str, str]:
    """Return what to know of machine and versions, by name."""
    cpu = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if CPU in line]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _said("git", "-C", str(root), "rev-parse", "--short", "HEAD"),
        "kernel": platform.release(),
        "CPU": f"{os.cpu_count()} × {cpu[0] if cpu else platform.machine()}",
        "memory": f"{memory:.0f} GiB",
        "engine": str(engine.info()["ServerVersion"]),
        "storage driver": str(engine.info()["Driver"]),
        "HAProxy": _said("haproxy", "-v").split("-")[0].replace("HAProxy version ", ""),
        "git": _said("git", "--version").removeprefix("git version "),
        "Python": platform.python_version(),
    }


def _said(*argv: str) -> str:
    """Return the first line that a program prints, "unknown" when it is not there."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return (done.stdout.splitlines() or ["unknown"])[0].strip()
