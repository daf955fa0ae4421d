"""The registry over HTTP on loopback."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from minato.drivers.registry.names import CONFIG, LAYER, MANIFESTS, parse, path_of
from minato.drivers.registry.storage import RegistryStorage
from minato.errors import PlatformError

# A manifest is OCI after an export and Docker's after a rebase: asked for one kind, the other looks lost.
ACCEPT = {"Accept": ", ".join(MANIFESTS)}
BLOCK = 1 << 20


class OciRegistry:
    """Registry of `minato.drivers.registry` at `host:port`; safe to share between threads.

    `storage` is its folder, when that lies on this machine.
    """

    def __init__(self, host: str, storage: RegistryStorage | None = None) -> None:
        self.host = host
        self.storage = storage
        # A proxy of the environment is for the outside; the registry is on loopback.
        self.http = httpx.Client(base_url=f"http://{host}", timeout=60.0, trust_env=False)
        self._seen: dict[str, str] = {}

    def digest(self, reference: str) -> str:
        name = parse(reference)
        answer = self._ask("HEAD", f"/v2/{name.path}/manifests/{name.version}", missing=True)
        return "" if answer is None else answer.headers["Docker-Content-Digest"]

    def manifest(self, reference: str) -> dict[str, Any]:
        return dict(json.loads(self._manifest(reference).content))

    def config(self, reference: str) -> dict[str, Any]:
        digest = self.manifest(reference)["config"]["digest"]
        answer = self._ask("GET", f"/v2/{parse(reference).path}/blobs/{digest}")
        return dict(json.loads(_there(answer, reference).content))

    def push(
        self,
        reference: str,
        *,
        layers: list[Path | str],
        config: Mapping[str, Any],
        annotations: Mapping[str, str] | None = None,
    ) -> str:
        name = parse(reference)
        body = json.dumps(config, sort_keys=True, separators=(",", ":")).encode()
        told: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": MANIFESTS[0],
            "config": {"mediaType": CONFIG, **self._put_bytes(name.path, body)},
            "layers": [{"mediaType": LAYER, **self._put_layer(name.path, layer)} for layer in layers],
        }
        if annotations:
            told["annotations"] = dict(annotations)
        return self._put_manifest(name.path, name.version, MANIFESTS[0], json.dumps(told, sort_keys=True).encode())

    def tag(self, reference: str, tag: str) -> None:
        answer = self._manifest(reference)
        self._put_manifest(parse(reference).path, tag, answer.headers["Content-Type"], answer.content)

    def tags(self, repository: str) -> list[str]:
        answer = self._ask("GET", f"/v2/{path_of(repository)}/tags/list", missing=True)
        return [] if answer is None else sorted(answer.json()["tags"] or [])

    def drop(self, image: str) -> None:
        name = parse(image)
        self._delete(name.path, [name.version])

    def delete(self, repository: str) -> None:
        if self.storage is not None:
            self.storage.delete(path_of(repository))
            return
        self._delete(path_of(repository), self._tagged(repository))

    def _tagged(self, repository: str) -> set[str]:
        return {self.digest(f"{repository}:{tag}") for tag in self.tags(repository)} - {""}

    def _delete(self, path: str, digests: Collection[str]) -> None:
        for digest in digests:
            self._ask("DELETE", f"/v2/{path}/manifests/{digest}", missing=True)

    def remains(self, repository: str) -> bool:
        on_disk = self.storage is not None and self.storage.remains(path_of(repository))
        return on_disk or bool(self.tags(repository))

    def keep(self, repository: str, digests: Collection[str]) -> int:
        gone = self._tagged(repository) - set(digests)
        self._delete(path_of(repository), gone)
        if self.storage is not None:
            self.storage.unlink_unneeded(path_of(repository))
        return len(gone)

    def sweep(self, *, older_than: float) -> int:
        return 0 if self.storage is None else self.storage.sweep(older_than=older_than)

    # -- blobs ------------------------------------------------------------------------------------------------------

    def _put_layer(self, path: str, layer: Path | str) -> dict[str, Any]:
        if isinstance(layer, str):
            return self._there_already(path, layer)
        digest, size = _digest(layer)
        if self._size(path, digest) is None and not self._mounted(path, digest):
            with layer.open("rb") as content:
                self._upload(path, digest, size, iter(lambda: content.read(BLOCK), b""))
        self._seen[digest] = path
        return {"digest": digest, "size": size}

    def _there_already(self, path: str, digest: str) -> dict[str, Any]:
        size = self._size(path, digest)
        if size is None:
            raise PlatformError(code="registry:platform:no-layer", message=f"Layer {digest} is not in {path}.")
        return {"digest": digest, "size": size}

    def _put_bytes(self, path: str, body: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if self._size(path, digest) is None:
            self._upload(path, digest, len(body), iter([body]))
        return {"digest": digest, "size": len(body)}

    def _size(self, path: str, digest: str) -> int | None:
        answer = self._ask("HEAD", f"/v2/{path}/blobs/{digest}", missing=True)
        return None if answer is None else int(answer.headers["Content-Length"])

    def _mounted(self, path: str, digest: str) -> bool:
        """Take the blob from another repository that this process has filled."""
        source = self._seen.get(digest)
        if source is None:
            return False
        answer = self._ask("POST", f"/v2/{path}/blobs/uploads/", params={"mount": digest, "from": source})
        return answer is not None and answer.status_code == 201

    def _upload(self, path: str, digest: str, size: int, blocks: Iterator[bytes]) -> None:
        begun = _there(self._ask("POST", f"/v2/{path}/blobs/uploads/"), path)
        place = httpx.URL(begun.headers["Location"]).copy_merge_params({"digest": digest})
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        self._ask("PUT", place.raw_path.decode(), content=blocks, headers=headers)

    # -- manifests --------------------------------------------------------------------------------------------------

    def _manifest(self, reference: str) -> httpx.Response:
        name = parse(reference)
        return _there(self._ask("GET", f"/v2/{name.path}/manifests/{name.version}", missing=True), reference)

    def _put_manifest(self, path: str, version: str, kind: str, body: bytes) -> str:
        answer = self._ask("PUT", f"/v2/{path}/manifests/{version}", content=body, headers={"Content-Type": kind})
        return str(_there(answer, path).headers["Docker-Content-Digest"])

    def _ask(self, method: str, path: str, *, missing: bool = False, **more: Any) -> httpx.Response | None:
        """Send one request. With `missing`, 404 is None; every other refusal raises PlatformError."""
        with _translated():
            answer = self.http.request(method, path, **{"headers": ACCEPT, **more})
        if missing and answer.status_code == 404:
            return None
        if answer.is_error:
            raise PlatformError(
                code="registry:platform:refused",
                message=f"The registry answered {answer.status_code} to {method} {path}.",
            )
        return answer


def _there(answer: httpx.Response | None, what: str) -> httpx.Response:
    if answer is None:
        raise PlatformError(code="registry:platform:missing", message=f"The registry has no {what}.")
    return answer


def _digest(file: Path) -> tuple[str, int]:
    with file.open("rb") as content:
        return f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}", file.stat().st_size


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise PlatformError(
            code="registry:platform:unreachable",
            message="The registry does not answer.",
            hint="It is started again by itself; running apps go on.",
            evidence=str(error),
        ) from error
