"""Many workers, killed and frozen, on one database file: each deploy's effect happens exactly once, in order."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_each_deploy_has_its_effect_once_and_in_order_however_workers_die(tmp_path):
    (tmp_path / "var" / "data").mkdir(parents=True)
    env = {
        **os.environ,
        "MINATO_VAR": str(tmp_path / "var"),
        "MINATO_FAKES": "engine,registry,router,telemetry,streams",
    }
    env.pop("MINATO_DATABASE", None)
    done = subprocess.run(
        [sys.executable, str(HERE / "chaos.py")], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
