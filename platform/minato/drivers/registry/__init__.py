"""The OCI registry: reads manifests and configs, writes the platform's own images, deletes apps' repositories."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Protocol


class Registry(Protocol):
    """References are `registry/repository[:tag|@digest]`. Raises PlatformError `registry:platform:*`."""

    def digest(self, reference: str) -> str:
        """Return the manifest's digest (sha256:…), or "" if there is no such manifest."""

    def manifest(self, reference: str) -> dict[str, Any]:
        """Return the manifest; OCI and Docker v2 are both accepted."""

    def config(self, reference: str) -> dict[str, Any]:
        """Return the image's config blob, with its labels under config.Labels."""

    def push(
        self,
        reference: str,
        *,
        layers: list[Path | str],
        config: Mapping[str, Any],
        annotations: Mapping[str, str] | None = None,
    ) -> str:
        """Write an image of gzip layer files (or digests already there) and return its digest."""

    def tag(self, reference: str, tag: str) -> None: ...

    def tags(self, repository: str) -> list[str]: ...

    def drop(self, image: str) -> None:
        """Delete one manifest, named by its digest, with every tag on it; no error if there is none."""

    def delete(self, repository: str) -> None:
        """Delete a repository; no error if there is none.

        Where the storage is this machine's, its blobs that no other repository has go as well: call it again until
        `remains` is false. Elsewhere blobs go with the registry's own collection.
        """

    def remains(self, repository: str) -> bool:
        """Say whether anything of a repository is left."""

    def keep(self, repository: str, digests: Collection[str]) -> int:
        """Delete all of a repository's tagged manifests but these (sha256:…), and return how many.

        Nobody may push to it meanwhile. Blobs that none of the rest needs go with the next sweep.
        """

    def sweep(self, *, older_than: float) -> int:
        """Remove blobs that no repository has and that are `older_than` seconds old; return how many went."""
