"""From what the router has to what it must have: runtime commands as values, tested by equality."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from minato.route import haproxy
from minato.values.router import RouterState, SlotState

HOST = re.compile(r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")


@dataclass(frozen=True, kw_only=True)
class Server:
    """One instance that can be asked: `name` is `web.<ordinal>.<container, 12 hex>`, `address` the bridge address."""

    name: str
    address: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """All that HAProxy can change while it runs: map file -> key -> value, and backend -> server -> address:port."""

    maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    servers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def table(state: RouterState, servers: Mapping[int, Iterable[Server]], *, slots: int) -> Table:
    """Return what the router must hold; a host whose slot nobody holds, or which is over `slots`, shows H99.

    `servers` are the instances of each slot number.
    """
    held = {slot.number: slot for slot in state.slots if 1 <= slot.number <= slots}
    names = {number: haproxy.backend(number, slot.check_path) for number, slot in held.items()}
    hosts = {host: code for host, code in state.closed.items() if code in haproxy.CLOSED}
    hosts |= {host: names.get(number, "H99") for host, number in state.hosts.items()}
    return Table(
        maps={
            haproxy.HOSTS: {host: target for host, target in hosts.items() if HOST.match(host)},
            haproxy.SLOTS: {
                **{names[number]: f"{slot.app}/{slot.deploy}/{slot.release}" for number, slot in held.items()},
                **{
                    host: f"{app}/-/-"
                    for host, app in state.owners.items()
                    if HOST.match(host) and host in state.closed
                },
            },
            haproxy.PATHS: {names[number]: _path(slot) for number, slot in held.items() if slot.check_path},
            haproxy.CHECK_HOSTS: {
                names[number]: slot.check_host for number, slot in held.items() if HOST.match(slot.check_host)
            },
        },
        servers={
            names[number]: {server.name: f"{server.address}:{slot.port}" for server in servers.get(number, ())}
            for number, slot in held.items()
        },
    )


def commands(old: Table, new: Table) -> list[str]:
    """Return the commands that lead from `old` to `new`, in an order in which no request falls between two states.

    First what a new server's check needs, then new servers, then the hosts, and what nobody needs any more last.
    """
    before = [line for name in haproxy.MAPS if name != haproxy.HOSTS for line in _set(name, old, new)]
    after = [line for name in reversed(haproxy.MAPS) for line in _unset(name, old, new)]
    return [*before, *_moved(old, new), *_added(old, new), *_set(haproxy.HOSTS, old, new), *after, *_removed(old, new)]


def add(backend: str, name: str, address: str) -> list[str]:
    """Return the commands for one new server; it counts as ready only when its check says L7OK."""
    server = f"{backend}/{name}"
    return [f"add server {server} {address} {haproxy.CHECK}", f"enable health {server}", f"enable server {server}"]


def remove(backend: str, name: str) -> list[str]:
    """Return the commands that end one server; the last is refused while a connection is left, and then asked again."""
    server = f"{backend}/{name}"
    return [f"set server {server} state maint", f"shutdown sessions server {server}", f"del server {server}"]


def _path(slot: SlotState) -> str:
    return "/" + quote(slot.check_path.lstrip("/"), safe="/?&=%:@!$'()*+,~-._")


def _set(name: str, old: Table, new: Table) -> list[str]:
    have, want = old.maps.get(name, {}), new.maps.get(name, {})
    changed = [
        (("set" if key in have else "add"), key, value) for key, value in sorted(want.items()) if have.get(key) != value
    ]
    return [f"{verb} map {name} {key} {value}" for verb, key, value in changed]


def _unset(name: str, old: Table, new: Table) -> list[str]:
    gone = sorted(old.maps.get(name, {}).keys() - new.maps.get(name, {}).keys())
    return [f"del map {name} {key}" for key in gone]


def _moved(old: Table, new: Table) -> list[str]:
    """Return the removal of servers whose name stays and whose address changes: they are added again at once."""
    return [
        line
        for backend, have in sorted(old.servers.items())
        for name, address in sorted(have.items())
        if new.servers.get(backend, {}).get(name, address) != address
        for line in remove(backend, name)
    ]


def _added(old: Table, new: Table) -> list[str]:
    return [
        line
        for backend, want in sorted(new.servers.items())
        for name, address in sorted(want.items())
        if old.servers.get(backend, {}).get(name) != address
        for line in add(backend, name, address)
    ]


def _removed(old: Table, new: Table) -> list[str]:
    return [
        line
        for backend, have in sorted(old.servers.items())
        for name in sorted(have.keys() - new.servers.get(backend, {}).keys())
        for line in remove(backend, name)
    ]
