"""Other engines on this machine: a dockerd that starts empties every `DOCKER*` chain, so what it emptied is put back.

The chains of all engines of a network namespace are the same ones; a snapshot is taken before our dockerd starts,
kept on disk in case we die meanwhile, and whatever is missing afterwards returns in its old order.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from launch.network import Rules, parse, remove_bridge, restore, run

TABLES = ("filter", "nat")
END = "-j RETURN"


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold the machine's one lock for starting an engine."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def snapshot(ours: tuple[str, ...]) -> Rules:
    """Return every `DOCKER*` chain as it is, without the rules for our own bridges: our dockerd writes those again."""
    return {table: docker_chains(parse(run("iptables-save", "-t", table)), ours) for table in TABLES}


def docker_chains(chains: dict[str, list[str]], ours: tuple[str, ...]) -> dict[str, list[str]]:
    """Return the `DOCKER*` chains' rules that name none of `ours`."""
    words = set(ours)
    return {
        name: [rule for rule in rules if not words & set(rule.split())]
        for name, rules in chains.items()
        if name.startswith("DOCKER")
    }


def merged(before: list[str], after: list[str]) -> list[str]:
    """Return the old rules in their old order, then the new ones, a final RETURN last.

    >>> merged(["-i a -j DROP", "-j RETURN"], ["-i b -j DROP", "-j RETURN"])
    ['-i a -j DROP', '-i b -j DROP', '-j RETURN']
    """
    rules = [rule for rule in before if rule != END] + [rule for rule in after if rule != END and rule not in before]
    return rules + [END] * (END in before or END in after)


def mending(table: str, before: dict[str, list[str]], after: dict[str, list[str]]) -> str:
    """Return the text that puts back what is missing from a table, "" if nothing is."""
    broken = [name for name, rules in before.items() if any(rule not in after.get(name, []) for rule in rules)]
    if not broken:
        return ""
    head = [f":{name} - [0:0]" for name in broken]
    body = [f"-A {name} {rule}" for name in broken for rule in merged(before[name], after.get(name, []))]
    return "\n".join([f"*{table}", *head, *body, "COMMIT", ""])


def put_back(before: Rules) -> list[str]:
    """Return to other engines what was taken from them; return the tables that were mended."""
    after = snapshot(())
    texts = {table: mending(table, before.get(table, {}), after[table]) for table in TABLES}
    for text in filter(None, texts.values()):
        restore(text)
    return [table for table, text in texts.items() if text]


def keep(file: Path, rules: Rules) -> None:
    """Write a snapshot down, joined with one that an earlier start left behind without putting it back."""
    old = recall(file)
    for table, chains in old.items():
        for name, was in chains.items():
            rules.setdefault(table, {})[name] = merged(was, rules.get(table, {}).get(name, []))
    file.write_text(json.dumps(rules))


def recall(file: Path) -> Rules:
    """Return the snapshot on disk, empty if there is none or it was half written."""
    try:
        return dict(json.loads(file.read_text()))
    except (OSError, ValueError):
        return {}


def engines() -> list[int]:
    """Return the process ids of every dockerd in this network namespace."""
    here = Path("/proc/self/ns/net").readlink()
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if (entry / "comm").read_text() == "dockerd\n" and (entry / "ns" / "net").readlink() == here:
                found.append(int(entry.name))
    return found


def leave() -> None:
    """Take away what every dockerd adds to a machine, once no dockerd is left on it: each start makes it anew."""
    if engines():
        return
    remove_bridge("docker_gwbridge")
    for table in TABLES:
        text = clearing(table, parse(run("iptables-save", "-t", table)))
        if text:
            restore(text)


def clearing(table: str, now: dict[str, list[str]]) -> str:
    """Return the text that removes the `DOCKER*` chains and the jumps into them, "" if there are none."""
    chains = [name for name in now if name.startswith("DOCKER")]
    if not chains:
        return ""
    jumps = [
        f"-D {name} {rule}"
        for name, rules in now.items()
        if name not in chains
        for rule in rules
        if set(chains) & set(rule.split())
    ]
    lines = [*jumps, *[f"-F {name}" for name in chains], *[f"-X {name}" for name in chains]]
    return "\n".join([f"*{table}", *lines, "COMMIT", ""])
