"""The bill of materials of the layer: CycloneDX with package URLs."""

from __future__ import annotations

import json
import platform
from pathlib import Path

from pyapp.requirements import normal


def write(layer: Path) -> int:
    """Write `<layer>.sbom.cdx.json` beside the layer and return how many packages are installed."""
    packages = installed(layer)
    parts = [_part("pypi", name, version) for name, version in packages]
    parts.append(_part("generic", "python", platform.python_version()))
    told = {"bomFormat": "CycloneDX", "specVersion": "1.4", "version": 1, "components": parts}
    Path(f"{layer}.sbom.cdx.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    return len(packages)


def installed(layer: Path) -> list[tuple[str, str]]:
    """Return (name, version) of every installed distribution, sorted."""
    metadata = layer.glob("lib/python*/site-packages/*.dist-info/METADATA")
    return sorted(_named(file.read_text(encoding="utf-8", errors="replace")) for file in metadata)


def _named(text: str) -> tuple[str, str]:
    fields = dict(
        line.split(": ", 1) for line in text.partition("\n\n")[0].splitlines() if ": " in line and line[0] not in " \t"
    )
    return normal(fields["Name"]), fields["Version"]


def _part(kind: str, name: str, version: str) -> dict[str, str]:
    purl = f"pkg:{kind}/{name}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
