"""References: `registry/repository[:tag|@digest]`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from minato.errors import PlatformError

REFERENCE = re.compile(
    r"^(?P<host>[^/]+)/(?P<path>[a-z0-9][a-z0-9._/-]*?)(?:@(?P<digest>sha256:[0-9a-f]{64})|:(?P<tag>[\w][\w.-]{0,127}))?$"
)
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG = "application/vnd.oci.image.config.v1+json"


@dataclass(frozen=True)
class Name:
    """A parsed reference; `version` is a tag or a digest, `latest` when there is neither."""

    host: str
    path: str
    version: str


def parse(reference: str) -> Name:
    """Raises PlatformError `registry:platform:reference`."""
    match = REFERENCE.fullmatch(reference)
    if match is None:
        raise PlatformError(code="registry:platform:reference", message=f"{reference!r} is no image reference.")
    return Name(match["host"], match["path"], match["digest"] or match["tag"] or "latest")


def path_of(repository: str) -> str:
    """Return the repository's path within its registry."""
    return parse(repository).path


def blobs_of(manifest: bytes) -> list[str]:
    """Return the digests (sha256:…) of the config and the layers that a manifest names; an index names none."""
    told = json.loads(manifest)
    return [one["digest"] for one in (told.get("config"), *told.get("layers", ())) if one]
