"""Bridges and packet filter rules of one namespace: what an instance or a build may reach.

The rules live in chains of our own, `MNT-<ns>-*`, and rely on no `DOCKER*` chain: a second dockerd empties those.
"""

from __future__ import annotations

import ipaddress
import itertools
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from minato.errors import PlatformError
from minato.values.config import Config

LINK_LOCAL = "169.254.0.0/16"
ANSWERS = "-m conntrack --ctstate RELATED,ESTABLISHED"
HOOKS = {"filter": {"FORWARD": "FWD", "INPUT": "IN"}, "mangle": {"FORWARD": "FWD"}, "nat": {"POSTROUTING": "NAT"}}
Rules = dict[str, dict[str, list[str]]]


@dataclass(frozen=True, kw_only=True)
class Bridge:
    """A bridge of one namespace. `gateway` is the host's address on it, `subnet` its network in CIDR form."""

    name: str
    gateway: str
    subnet: str

    @property
    def address(self) -> str:
        return f"{self.gateway}/{self.subnet.rpartition('/')[2]}"


@dataclass(frozen=True, kw_only=True)
class Uplink:
    """The way out: the default route's interface ("" when there is none) and its MTU in bytes."""

    name: str
    mtu: int = 1500


def run(*argv: str, stdin: str = "") -> str:
    """Run a program and return its output; raises PlatformError `engine:platform:network` with its complaint."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PlatformError(code="engine:platform:network", message=f"{argv[0]} does not run: {error}") from error
    if done.returncode:
        complaint = f"{' '.join(argv)}: {done.stderr.strip()}"
        raise PlatformError(code="engine:platform:network", message=complaint, evidence=stdin)
    return done.stdout


# -- bridges ------------------------------------------------------------------------------------------------------


def bridges(config: Config) -> tuple[Bridge, Bridge]:
    """Return the instances' bridge and the builds' bridge."""
    return (
        Bridge(name=config.apps_bridge, gateway=config.apps_gateway, subnet=config.apps_subnet),
        Bridge(name=config.builds_bridge, gateway=config.builds_gateway, subnet=config.builds_subnet),
    )


def ensure_bridge(bridge: Bridge, *, mtu: int) -> None:
    """Make the bridge, give it its address and bring it up, without IPv6; no error if it is there."""
    if not Path("/sys/class/net", bridge.name).exists():
        run("ip", "link", "add", bridge.name, "type", "bridge")
    run("ip", "address", "replace", bridge.address, "dev", bridge.name)
    run("ip", "link", "set", bridge.name, "mtu", str(mtu), "up")
    # The rules are for IPv4: a link-local IPv6 address would be a way round them.
    write_sysctl(f"net/ipv6/conf/{bridge.name}/disable_ipv6", "1", optional=True)


def remove_bridge(name: str) -> None:
    if Path("/sys/class/net", name).exists():
        run("ip", "link", "delete", name)


def write_sysctl(name: str, value: str, *, optional: bool = False) -> None:
    """Set a kernel setting if it differs; raises PlatformError `engine:platform:sysctl` unless it is optional."""
    file = Path("/proc/sys", name)
    try:
        if file.read_text().strip() != value:
            file.write_text(value)
    except OSError as error:
        if optional:
            return
        raise PlatformError(
            code="engine:platform:sysctl",
            message=f"{name.replace('/', '.')} cannot be set to {value}: {error.strerror}.",
            hint="Minato needs root, the module br_netfilter, and a writable /proc/sys.",
        ) from error


def filter_bridged() -> None:
    """See that packets between two ports of a bridge meet the FORWARD chain; loads br_netfilter if it must."""
    if not Path("/proc/sys/net/bridge").exists():
        subprocess.run(["modprobe", "br_netfilter"], capture_output=True, timeout=30)
    write_sysctl("net/bridge/bridge-nf-call-iptables", "1")


@dataclass(frozen=True, kw_only=True)
class Route:
    """One line of the kernel's IPv4 routes."""

    interface: str
    network: ipaddress.IPv4Network
    metric: int


def routes() -> list[Route]:
    """Return this network namespace's main routing table."""
    rows = [line.split() for line in Path("/proc/self/net/route").read_text().splitlines()[1:]]
    return [Route(interface=row[0], network=read_network(row[1], row[7]), metric=int(row[6])) for row in rows]


def read_network(destination: str, mask: str) -> ipaddress.IPv4Network:
    """The kernel prints addresses as one number in the machine's own byte order."""
    address, bits = (int(word, 16).to_bytes(4, sys.byteorder) for word in (destination, mask))
    return ipaddress.IPv4Network((address, int.from_bytes(bits, "big").bit_count()))


def uplink() -> Uplink:
    """Return the interface of the best default route of this network namespace."""
    ways = sorted((route.metric, route.interface) for route in routes() if route.network.prefixlen == 0)
    if not ways:
        return Uplink(name="")
    name = ways[0][1]
    return Uplink(name=name, mtu=int(Path("/sys/class/net", name, "mtu").read_text()))


def conflicts(inside: tuple[Bridge, ...], known: list[Route], dns: list[str]) -> list[str]:
    """Return what stands against these subnets, one sentence each: a route of the machine or a name server in them."""
    names = {bridge.name for bridge in inside}
    found = []
    for bridge in inside:
        subnet = ipaddress.IPv4Network(bridge.subnet)
        for route in known:
            if route.network.prefixlen and route.interface not in names and route.network.overlaps(subnet):
                found.append(f"{bridge.subnet} of {bridge.name} overlaps {route.network} of {route.interface}.")
        found += [
            f"{bridge.subnet} of {bridge.name} contains the name server {ip}."
            for ip in dns
            if ipaddress.IPv4Address(ip) in subnet
        ]
    return found


def resolvers(files: tuple[Path, ...], own: frozenset[str]) -> list[str]:
    """Return the IPv4 name servers that a container can reach, from the first file that names any.

    A resolver on a loopback address, or on an address of this machine, is behind the INPUT rule: never reachable.
    """
    for file in files:
        servers = [words[1] for line in _lines(file) if len(words := line.split()) > 1 and words[0] == "nameserver"]
        usable = [server for server in servers if _reachable(server, own)]
        if usable:
            return usable
    return []


def own_addresses() -> frozenset[str]:
    """Return the machine's IPv4 addresses."""
    words = run("ip", "-4", "-o", "address", "show").split()
    return frozenset(word.partition("/")[0] for before, word in itertools.pairwise(words) if before == "inet")


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def _reachable(server: str, own: frozenset[str]) -> bool:
    try:
        address = ipaddress.IPv4Address(server)
    except ValueError:
        return False
    return not address.is_loopback and server not in own


# -- rules --------------------------------------------------------------------------------------------------------


def chain(ns: str, part: str) -> str:
    """Return the name of one of our chains; part is FWD, IN or NAT."""
    return f"MNT-{ns}-{part}"


def wanted(ns: str, inside: tuple[Bridge, ...], out: str, dns: list[str]) -> Rules:
    """Return our chains' rules, in iptables-save's own spelling so that texts can be compared.

    Out through the interface `out` only (and to the resolvers), answers only in, nothing between two instances.
    The same in mangle, where a drop is final: in filter somebody's ACCEPT may stand above our jump for a while.
    """
    forward: list[str] = []
    for bridge in inside:
        forward += _forward(bridge, out, dns)
    entry = [
        rule for bridge in inside for rule in (f"-i {bridge.name} {ANSWERS} -j ACCEPT", f"-i {bridge.name} -j DROP")
    ]
    masquerade = [f"-s {bridge.subnet} -o {out} -j MASQUERADE" for bridge in inside if out]
    return {
        "filter": {chain(ns, "FWD"): forward, chain(ns, "IN"): entry},
        "mangle": {chain(ns, "FWD"): [rule.replace("-j ACCEPT", "-j RETURN") for rule in forward]},
        "nat": {chain(ns, "NAT"): masquerade},
    }


def _forward(bridge: Bridge, out: str, dns: list[str]) -> list[str]:
    name = bridge.name
    ways = [
        f"-d {server}/32 -i {name} -p {kind} -m {kind} --dport 53 -j ACCEPT"
        for server in dns
        for kind in ("udp", "tcp")
    ]
    if out:
        ways.append(f"-i {name} -o {out} -j ACCEPT")
    return [
        f"-i {name} -o {name} -j DROP",
        f"! -s {bridge.subnet} -i {name} -j DROP",
        f"-d {LINK_LOCAL} -i {name} -j DROP",
        *ways,
        f"-i {name} -j DROP",
        f"-o {name} {ANSWERS} -j ACCEPT",
        f"-o {name} -j DROP",
    ]


def read_rules(table: str) -> dict[str, list[str]]:
    """Return a table's chains with their rules, without `-A <chain>`."""
    return parse(run("iptables-save", "-t", table))


def parse(saved: str) -> dict[str, list[str]]:
    """Read what iptables-save prints for one table."""
    chains: dict[str, list[str]] = {}
    for line in saved.splitlines():
        if line.startswith(":"):
            chains[line[1:].split()[0]] = []
        elif line.startswith("-A "):
            name, _, rule = line[3:].partition(" ")
            chains.setdefault(name, []).append(rule)
    return chains


def repair(table: str, now: dict[str, list[str]], want: dict[str, list[str]], hooks: dict[str, str]) -> str:
    """Return the text for `iptables-restore --noflush` that makes a table right, "" if it is.

    `hooks` maps a built-in chain to our chain: the jump stands first, among the jumps of other namespaces alone.
    """
    stale = {name: rules for name, rules in want.items() if now.get(name) != rules}
    jumps = [line for builtin, ours in hooks.items() for line in _rehook(builtin, ours, now.get(builtin, []))]
    if not stale and not jumps:
        return ""
    head = [f":{name} - [0:0]" for name in stale]
    body = [f"-A {name} {rule}" for name, rules in stale.items() for rule in rules]
    return "\n".join([f"*{table}", *head, *body, *jumps, "COMMIT", ""])


def _rehook(builtin: str, ours: str, rules: list[str]) -> list[str]:
    jump = f"-j {ours}"
    places = [place for place, rule in enumerate(rules) if rule == jump]
    if len(places) == 1 and all(rule.startswith("-j MNT-") for rule in rules[: places[0]]):
        return []
    return [f"-D {builtin} {jump}" for _ in places] + [f"-I {builtin} 1 {jump}"]


def ensure_rules(ns: str, inside: tuple[Bridge, ...], out: str, dns: list[str]) -> list[str]:
    """Put our rules in place; return the tables that had to be mended."""
    mended = []
    for table, want in wanted(ns, inside, out, dns).items():
        hooks = {builtin: chain(ns, part) for builtin, part in HOOKS[table].items()}
        text = repair(table, read_rules(table), want, hooks)
        if text:
            restore(text)
            mended.append(table)
    return mended


def restore(text: str) -> None:
    """Apply a text of `iptables-restore`, all of one table or nothing of it."""
    run("iptables-restore", "--noflush", "--wait", "10", stdin=text)


def remove_rules(ns: str, inside: tuple[str, ...]) -> None:
    """Remove our chains, and every rule of any chain that names one of our bridges."""
    for table in HOOKS:
        text = removal(table, read_rules(table), ns, inside)
        if text:
            restore(text)


def removal(table: str, now: dict[str, list[str]], ns: str, inside: tuple[str, ...]) -> str:
    """Return the text that takes us out of a table, "" if nothing of ours is in it."""
    ours = [name for name in now if name.startswith(f"MNT-{ns}-")]
    words = {*ours, *inside}
    named = [
        f"-D {name} {rule}"
        for name, rules in now.items()
        if name not in ours
        for rule in rules
        if words & set(rule.split())
    ]
    if not ours and not named:
        return ""
    emptied = [f"-F {name}" for name in ours]
    return "\n".join([f"*{table}", *named, *emptied, *[f"-X {name}" for name in ours], "COMMIT", ""])
