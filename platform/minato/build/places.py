"""Where things lie in the two containers of a build, and what their objects are called.

`/platform` is read-only in the untrusted container: what decides which images are read and written (analyzed.toml,
run.toml, the report) lies there and not in `/layers`, so no build script can point the exporter at another app's image.
"""

from __future__ import annotations

from dataclasses import dataclass

from minato.values.build import BuildPlan

LIFECYCLE = "/cnb/lifecycle"
LAYERS = "/layers"
APP = "/workspace"
CACHE = "/cache"
PLATFORM = "/platform"
OURS = f"{PLATFORM}/minato"
ANALYZED = f"{OURS}/analyzed.toml"
RUN = f"{OURS}/run.toml"
PROJECT = f"{OURS}/project-metadata.toml"
REPORT = f"{OURS}/report.toml"  # not at its default, which a build script could have made a link of
SCRATCH = f"{OURS}/tmp"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class Names:
    """Names of one attempt's containers and volumes, made of generated ids alone."""

    ns: str
    plan: BuildPlan

    @property
    def _attempt(self) -> str:
        return f"{self.ns}-{self.plan.build}-{self.plan.fence}"

    @property
    def trusted(self) -> str:
        return f"{self._attempt}-trusted"

    @property
    def untrusted(self) -> str:
        return f"{self._attempt}-untrusted"

    @property
    def layers(self) -> str:
        return f"{self._attempt}-layers"

    @property
    def workspace(self) -> str:
        return f"{self._attempt}-workspace"

    @property
    def platform(self) -> str:
        return f"{self._attempt}-platform"

    @property
    def cache(self) -> str:
        return cache_of(self.ns, self.plan.app)

    @property
    def volumes(self) -> tuple[str, str, str]:
        """The volumes that go with the build; the cache stays."""
        return self.layers, self.workspace, self.platform

    @property
    def labels(self) -> dict[str, str]:
        return {
            "minato.ns": self.ns,
            "minato.app": self.plan.app,
            "minato.build": self.plan.build,
            "minato.fence": str(self.plan.fence),
        }


def fence_of(volume: str) -> str:
    """Return the attempt that a build's volume belongs to; its name is `<ns>-<build>-<fence>-<what>`."""
    return volume.split("-")[-2]


def cache_of(ns: str, app: str) -> str:
    """Return the name of the volume that keeps an app's build cache."""
    return f"{ns}-cache-{app}"


def proxy_of(ns: str) -> str:
    """Return the container whose network is the registry and nothing else."""
    return f"{ns}-regproxy"


def network_of(ns: str) -> str:
    """Return the builds' network: a bridge of its own, without traffic between containers."""
    return f"{ns}-builds"
