"""What the house buildpacks share: Heroku's output, the lifecycle's folders, a small TOML writer."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NoReturn

FAILED = 1
UNDETECTED = 100


def head(text: str) -> None:
    print(f"-----> {text}", flush=True)


def body(text: str) -> None:
    print(f"       {text}", flush=True)


def warn(text: str) -> None:
    print(f" !     {text}", flush=True)


def fail(*lines: str) -> NoReturn:
    """End the build for a reason in the source: the lines are what the pusher reads."""
    for line in lines:
        warn(line)
    raise SystemExit(FAILED)


def undetected(*lines: str) -> NoReturn:
    """Say what was looked for; the lifecycle shows it only when nobody recognises the source."""
    for line in lines:
        print(line, flush=True)
    raise SystemExit(UNDETECTED)


def app_dir() -> Path:
    return Path.cwd()


def layers_dir() -> Path:
    return Path(os.environ["CNB_LAYERS_DIR"])


def bindings(kind: str) -> list[Path]:
    """Return the folders of all service bindings of one type, sorted by name."""
    root = Path(
        os.environ.get("SERVICE_BINDING_ROOT") or Path(os.environ.get("CNB_PLATFORM_DIR", "/platform")) / "bindings"
    )
    kinds = sorted(root.glob("*/type")) if root.is_dir() else []
    return [file.parent for file in kinds if file.read_text().strip().lower() == kind]


def toml(table: dict[str, Any], prefix: str = "") -> str:
    """Return TOML of strings, booleans, integers, lists of strings, tables and lists of tables."""
    plain = {key: value for key, value in table.items() if not _is_table(value)}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, dict):
            lines.append(f"\n[{prefix}{key}]\n{toml(value, f'{prefix}{key}.')}")
        elif _is_table(value):
            lines += [f"\n[[{prefix}{key}]]\n{toml(item, f'{prefix}{key}.')}" for item in value]
    return "".join(lines)


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def write_env(layer: Path, when: str, values: dict[str, str]) -> None:
    """Give a layer environment variables; `when` is env, env.build or env.launch, names carry their suffix."""
    folder = layer / when
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in values.items():
        (folder / name).write_text(value)


def write_processes(processes: list[dict[str, Any]]) -> None:
    (layers_dir() / "launch.toml").write_text(toml({"processes": processes}))
