"""One process type of one deploy, as the engine is told to run it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from minato.schedule.deliver import SLOT, deliver
from minato.values.engine import Workload
from minato.values.ids import service_name
from minato.values.process import SIZES, Formation

USER = "1002:1000"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What one deploy runs, shared by its workloads. `config` is opened; `process_ids` maps a type to its public id."""

    ns: str
    app: str  # public id
    app_name: str
    deploy: int
    release: int
    commit: str  # 40 hex or ""
    image: str  # by digest
    config: Mapping[str, str] = field(repr=False)
    process_ids: Mapping[str, str]
    port: int = 0  # of `web`; 0: this deploy has none
    stop_grace: float = 30.0

    def service(self, process: str) -> str:
        return service_name(ns=self.ns, app=self.app, process=self.process_ids[process], deploy=self.deploy)


def environment(spec: Spec, *, process: str, name: str) -> dict[str, str]:
    """Return a process' environment, unescaped: the user's config below the platform's own names."""
    own = {
        "DYNO": name,
        "MINATO_APP": spec.app_name,
        "MINATO_PROCESS": process,
        "MINATO_RELEASE": f"v{spec.release}",
        "SOURCE_VERSION": spec.commit,
        "HEROKU_APP_NAME": spec.app_name,
        "HEROKU_RELEASE_VERSION": f"v{spec.release}",
        "HEROKU_SLUG_COMMIT": spec.commit,
    }
    if process == "web":
        own["PORT"] = str(spec.port)
    return {**spec.config, **own}


def labels(spec: Spec, process: str) -> dict[str, str]:
    """Return the labels on every object of one process type."""
    return {
        "minato.ns": spec.ns,
        "minato.app": spec.app,
        "minato.release": f"v{spec.release}",
        "minato.process": process,
        "minato.deploy": str(spec.deploy),
    }


def workload(spec: Spec, formation: Formation) -> Workload:
    """Return the service of one process type. Only `DYNO` is a template: the engine numbers the instances."""
    env = deliver(environment(spec, process=formation.type, name=""))
    env["DYNO"] = f"{formation.type}.{SLOT}"  # after deliver, which would escape it
    name = spec.service(formation.type)
    return Workload(
        name=name,
        image=spec.image,
        command=(f"/cnb/process/{formation.type}",),
        env=env,
        labels={**labels(spec, formation.type), "minato.service": name},
        replicas=formation.quantity,
        limits=SIZES[formation.size],
        user=USER,
        stop_grace=spec.stop_grace,
    )
