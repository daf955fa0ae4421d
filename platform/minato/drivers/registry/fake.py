"""A registry in memory; passes the contract of the real one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from minato.drivers.registry.names import CONFIG, LAYER, MANIFESTS, blobs_of, parse, path_of
from minato.errors import PlatformError


class FakeRegistry:
    """Registry of `minato.drivers.registry`; `blobs` are per repository, as in a real one."""

    def __init__(self) -> None:
        self.manifests: dict[tuple[str, str], bytes] = {}
        self.blobs: dict[tuple[str, str], bytes] = {}

    def digest(self, reference: str) -> str:
        name = parse(reference)
        body = self.manifests.get((name.path, name.version))
        return "" if body is None else _sha(body)

    def manifest(self, reference: str) -> dict[str, Any]:
        return dict(json.loads(self._manifest(reference)))

    def config(self, reference: str) -> dict[str, Any]:
        return dict(json.loads(self.blobs[parse(reference).path, self.manifest(reference)["config"]["digest"]]))

    def push(
        self,
        reference: str,
        *,
        layers: list[Path | str],
        config: Mapping[str, Any],
        annotations: Mapping[str, str] | None = None,
    ) -> str:
        name = parse(reference)
        told: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": MANIFESTS[0],
            "config": {
                "mediaType": CONFIG,
                **self._put(name.path, json.dumps(config, sort_keys=True, separators=(",", ":")).encode()),
            },
            "layers": [{"mediaType": LAYER, **self._layer(name.path, layer)} for layer in layers],
        }
        if annotations:
            told["annotations"] = dict(annotations)
        body = json.dumps(told, sort_keys=True).encode()
        self.manifests[name.path, name.version] = self.manifests[name.path, _sha(body)] = body
        return _sha(body)

    def tag(self, reference: str, tag: str) -> None:
        self.manifests[parse(reference).path, tag] = self._manifest(reference)

    def tags(self, repository: str) -> list[str]:
        path = path_of(repository)
        return sorted(version for where, version in self.manifests if where == path and ":" not in version)

    def drop(self, image: str) -> None:
        name = parse(image)
        body = self.manifests.get((name.path, name.version))
        self.manifests = {key: kept for key, kept in self.manifests.items() if key[0] != name.path or kept != body}

    def delete(self, repository: str) -> None:
        path = path_of(repository)
        self.manifests = {key: body for key, body in self.manifests.items() if key[0] != path}
        self.blobs = {key: body for key, body in self.blobs.items() if key[0] != path}

    def remains(self, repository: str) -> bool:
        path = path_of(repository)
        return any(where == path for where, _ in (*self.manifests, *self.blobs))

    def keep(self, repository: str, digests: Collection[str]) -> int:
        path = path_of(repository)
        gone = {_sha(body) for (where, _), body in self.manifests.items() if where == path} - set(digests)
        self.manifests = {key: body for key, body in self.manifests.items() if key[0] != path or _sha(body) not in gone}
        needed = {blob for (where, _), body in self.manifests.items() if where == path for blob in blobs_of(body)}
        self.blobs = {key: body for key, body in self.blobs.items() if key[0] != path or key[1] in needed}
        return len(gone)

    def sweep(self, *, older_than: float) -> int:
        """Nothing to do: here a blob is always a repository's."""
        return 0

    def _manifest(self, reference: str) -> bytes:
        name = parse(reference)
        if (name.path, name.version) not in self.manifests:
            raise PlatformError(code="registry:platform:missing", message=f"The registry has no {reference}.")
        return self.manifests[name.path, name.version]

    def _layer(self, path: str, layer: Path | str) -> dict[str, Any]:
        if isinstance(layer, Path):
            return self._put(path, layer.read_bytes())
        if (path, layer) not in self.blobs:
            raise PlatformError(code="registry:platform:no-layer", message=f"Layer {layer} is not in {path}.")
        return {"digest": layer, "size": len(self.blobs[path, layer])}

    def _put(self, path: str, body: bytes) -> dict[str, Any]:
        self.blobs[path, _sha(body)] = body
        return {"digest": _sha(body), "size": len(body)}


def _sha(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
