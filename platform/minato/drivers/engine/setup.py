"""What a fresh engine needs once: a swarm of one node, and the network of the builds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from docker.errors import APIError, DockerException

from minato.drivers.engine.client import Clients, translated
from minato.errors import PlatformError

INGRESS = "ingress"
GATEWAY = "docker_gwbridge"
HEARTBEAT = 2_000_000_000  # ns: 1 s made a restarted manager move tasks, 5 s notices a lost node late
HISTORY = 2  # tasks kept per slot: enough to read why the last one was rejected


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What `prepare` makes true. `address` is the swarm's own loopback address, `mtu` in bytes."""

    socket: Path
    ns: str
    address: str
    builds_bridge: str
    builds_subnet: str
    builds_gateway: str
    mtu: int = 1500


def builds_network(ns: str) -> str:
    """Return the name of the network on which builds run."""
    return f"{ns}-builds"


def gateway_bridge(ns: str) -> str:
    """Return the name of Swarm's own bridge; by default all engines of a machine would share `docker_gwbridge`."""
    return f"mng-{ns}"


def answers(socket: Path) -> bool:
    """True if an engine answers at this socket within 2 s."""
    with closing(Clients(socket).open(2)) as api:
        try:
            return bool(api.ping())
        except (DockerException, requests.RequestException, OSError):
            return False


def prepare(wishes: Wishes) -> bool:
    """Make the networks and the swarm; true if the swarm is new. Raises PlatformError `engine:platform:*`."""
    with translated(), closing(Clients(wishes.socket).open(60)) as api:
        ensure_network(api, builds_network(wishes.ns), builds_options(wishes), ipam(wishes), {"minato.ns": wishes.ns})
        return ensure_swarm(api, wishes.ns, wishes.address)


def gateway_options(ns: str) -> dict[str, str]:
    return {
        "com.docker.network.bridge.name": gateway_bridge(ns),
        "com.docker.network.bridge.enable_icc": "false",
        "com.docker.network.bridge.enable_ip_masquerade": "false",
    }


def builds_options(wishes: Wishes) -> dict[str, str]:
    return {
        "com.docker.network.bridge.name": wishes.builds_bridge,
        "com.docker.network.bridge.enable_icc": "false",
        "com.docker.network.bridge.enable_ip_masquerade": "false",
        "com.docker.network.driver.mtu": str(wishes.mtu),
    }


def ipam(wishes: Wishes) -> dict[str, Any]:
    return {"Driver": "default", "Config": [{"Subnet": wishes.builds_subnet, "Gateway": wishes.builds_gateway}]}


def ensure_network(
    api: Any,
    name: str,
    options: Mapping[str, str],
    addresses: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
) -> None:
    """Create a bridge network unless one of exactly this name exists."""
    if any(network["Name"] == name for network in api.networks(names=[name])):
        return
    api.create_network(
        name, driver="bridge", options=dict(options), ipam=addresses, labels=labels, check_duplicate=True
    )


def ensure_swarm(api: Any, ns: str, address: str) -> bool:
    """Make this engine a swarm of one, on an address that only this machine has; true if it was none."""
    swarm = settled(api)
    state = swarm["LocalNodeState"]
    if state == "inactive":
        ensure_network(api, GATEWAY, gateway_options(ns))
        spec = api.create_swarm_spec(dispatcher_heartbeat_period=HEARTBEAT, task_history_retention_limit=HISTORY)
        api.init_swarm(advertise_addr=address, listen_addr=f"{address}:2377", swarm_spec=spec)
        return True
    if state != "active":
        raise PlatformError(
            code="engine:platform:swarm",
            message=f"The engine's swarm is {state}.",
            hint=f"Its address {address} must be this machine's.",
            evidence=swarm.get("Error", ""),
        )
    return False


def settled(api: Any, seconds: float = 30.0) -> dict[str, Any]:
    """Return the swarm's state once it is no longer on its way up."""
    until = time.monotonic() + seconds
    while True:
        swarm: dict[str, Any] = api.info()["Swarm"]
        if swarm["LocalNodeState"] != "pending" or time.monotonic() > until:
            return swarm
        time.sleep(0.1)


def tidy(socket: Path, *, new: bool, seconds: float = 10.0) -> bool:
    """Remove the networks that Swarm makes for published ports; true if they are gone.

    Nothing here publishes any, and without them an engine starts sooner and holds no bridge more. A `new` swarm
    makes them a moment after its start: the ingress goes first, for it would make the other one again.
    """
    until = time.monotonic() + seconds
    with closing(Clients(socket).open(30)) as api:
        while new and INGRESS not in unused(api) and time.monotonic() < until:
            time.sleep(0.1)
        while found := unused(api):
            if time.monotonic() > until:
                return False
            # Refused as long as Swarm has not let go of its end: asked again.
            with suppress(APIError):
                api.remove_network(found.get(INGRESS) or found[GATEWAY])
            time.sleep(0.2)
    return True


def unused(api: Any) -> dict[str, str]:
    """Return the ids of Swarm's own two networks, by name."""
    return {network["Name"]: network["Id"] for network in api.networks() if network["Name"] in (INGRESS, GATEWAY)}
