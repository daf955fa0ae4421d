"""What the router's own checks and counters say, as the control plane is told."""

from __future__ import annotations

from collections.abc import Iterable

from agent.router import View, server_name
from minato.route.stats import Stats
from minato.values.engine import Instance
from minato.values.router import RouterState, ServerSeen, SlotCounts


def seen_servers(stats: Stats, instances: Iterable[Instance]) -> tuple[ServerSeen, ...]:
    """Return every server with the container behind it."""
    containers = {server_name(instance): instance.container for instance in instances}
    return tuple(
        ServerSeen(
            slot=server.slot,
            container=containers.get(server.name, server.name.rsplit(".", 1)[-1]),
            address=server.address.rsplit(":", 1)[0],
            check=server.check,
            ready=server.ready,
            last_check=server.last_check,
        )
        for server in stats.servers
    )


class Counters:
    """Counts per slot since it was filled: HAProxy counts per backend since its own start, and a slot is used again."""

    def __init__(self) -> None:
        self._who = ""
        self._base: dict[int, tuple[str, SlotCounts]] = {}

    def since_filled(self, state: RouterState, view: View) -> tuple[SlotCounts, ...]:
        """Return the counts of every slot in `state`; they begin at 0 again when HAProxy or the agent has started."""
        if not view.who:
            return ()
        if view.who != self._who:
            restarted, self._who = bool(self._who), view.who
            self._base = (
                {number: (service, _zero(number)) for number, (service, _) in self._base.items()} if restarted else {}
            )
        services = {slot.number: slot.service for slot in state.slots}
        self._base = {number: base for number, base in self._base.items() if services.get(number) == base[0]}
        return tuple(self._count(services[now.slot], now) for now in view.stats.counts.values() if now.slot in services)

    def _count(self, service: str, now: SlotCounts) -> SlotCounts:
        _, base = self._base.setdefault(now.slot, (service, now))
        return SlotCounts(
            slot=now.slot,
            requests=now.requests - base.requests,
            failed=now.failed - base.failed,
            errors_5xx=now.errors_5xx - base.errors_5xx,
            sessions=now.sessions,
        )


def _zero(number: int) -> SlotCounts:
    return SlotCounts(slot=number, requests=0, failed=0, errors_5xx=0, sessions=0)
