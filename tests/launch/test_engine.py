"""Minato's own engine: how it starts, what it survives, what it leaves, and its manners beside another engine."""

from __future__ import annotations

import os
import signal
import subprocess
import urllib.request

import docker
import pytest

from launch import network
from launch.engine import RESOLVERS
from minato.drivers.engine.setup import builds_network
from minato.drivers.engine.swarm import SwarmEngine
from minato.values.engine import Exec
from tests.drivers.engines import PYTHON, TLS, eventually
from tests.drivers.outside import package_index
from tests.launch.engines import OurEngine, PlainEngine, rules_of, until

pytestmark = pytest.mark.engine

PORT = 23901
SERVES = (
    *PYTHON,
    "import http.server\n"
    "class Page(http.server.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        self.send_response(200); self.end_headers(); self.wfile.write(b'a peer')\n"
    f"http.server.ThreadingHTTPServer(('', {PORT}), Page).serve_forever()",
)
TRIES = """
import socket, time
end = time.monotonic() + {seconds}
tried = 0
while time.monotonic() < end:
    tried += 1
    try:
        with socket.create_connection(({address!r}, {port}), timeout=0.1) as peer:
            peer.settimeout(0.3)
            peer.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            heard = b""
            while piece := peer.recv(65536):
                heard += piece
            if b"a peer" in heard:
                print("reached")
    except OSError:
        pass
print("tried", tried)
"""


@pytest.fixture(autouse=True)
def a_machine_for_tests(request):
    """Engines start in the namespaces of `make test`, or where somebody says so (see tests/drivers/conftest.py)."""
    if not os.environ.get("MINATO_ENGINE_UNDER_TEST"):
        request.getfixturevalue("real")


@pytest.fixture
def ours():
    engine = OurEngine("tst")
    yield engine
    engine.remove()


@pytest.fixture
def plain():
    engine = PlainEngine()
    yield engine
    engine.remove()


def page(address: str, port: int = PORT) -> str | None:
    try:
        with urllib.request.urlopen(f"http://{address}:{port}/", timeout=1) as answer:
            return answer.read().decode()
    except OSError:
        return None


def api(engine: OurEngine) -> docker.APIClient:
    return docker.APIClient(base_url=f"unix://{engine.places.socket}", version="1.41")


def serving(world) -> str:
    """Return the address of an instance that answers."""
    world.engine.ensure(world.workload(SERVES))
    (seen,) = world.until_running(1)
    eventually(lambda: page(seen.address))
    return seen.address


def answers_again(world) -> None:
    def again():
        return True if any(page(seen.address) == "a peer" for seen in world.running()) else None

    eventually(again, seconds=40)


def test_it_is_a_swarm_of_one_with_locks_and_a_network_for_builds(ours):
    ours.start()
    info = api(ours).info()

    assert info["Swarm"]["LocalNodeState"] == "active"
    assert info["Swarm"]["Cluster"]["Spec"]["Dispatcher"]["HeartbeatPeriod"] == 2_000_000_000
    assert info["Swarm"]["NodeAddr"] == ours.config.swarm_address
    assert "name=userns" in info["SecurityOptions"]
    assert info["DockerRootDir"].startswith(str(ours.config.engine_home))
    bridge, builds = (api(ours).inspect_network(name) for name in ("bridge", builds_network("tst")))
    assert bridge["Options"]["com.docker.network.bridge.name"] == ours.config.apps_bridge
    assert bridge["Options"]["com.docker.network.bridge.enable_icc"] == "false"
    assert builds["Options"]["com.docker.network.bridge.enable_icc"] == "false"
    assert builds["IPAM"]["Config"][0]["Subnet"] == ours.config.builds_subnet


def test_the_swarm_listens_on_its_own_loopback_address_alone(ours):
    ours.start()
    listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    mine = [line.split()[3] for line in listening.splitlines() if f"pid={ours.pids()[1]}," in line]

    assert mine
    assert all(place.startswith(ours.config.swarm_address) for place in mine)


def test_swarm_s_networks_for_published_ports_are_gone(ours):
    ours.start()

    until(lambda: names_of_networks(ours) == {"bridge", "host", "none", "tst-builds"})
    assert ours.signal(signal.SIGTERM) == 0
    ours.start()
    assert names_of_networks(ours) == {"bridge", "host", "none", "tst-builds"}


def names_of_networks(engine: OurEngine) -> set[str]:
    return {found["Name"] for found in api(engine).networks()}


def test_rules_that_somebody_takes_away_come_back(ours):
    ours.start()
    for table, builtin in (("filter", "FORWARD"), ("mangle", "FORWARD"), ("nat", "POSTROUTING"), ("filter", "INPUT")):
        chain = network.chain("tst", network.HOOKS[table][builtin])
        network.run("iptables", "-w", "-t", table, "-D", builtin, "-j", chain)
        network.run("iptables", "-w", "-t", table, "-F", chain)

    assert not right(ours)
    until(lambda: right(ours), seconds=6)


def right(engine: OurEngine) -> bool:
    """True if every rule of this engine is in its place."""
    dns = network.resolvers(RESOLVERS, network.own_addresses())
    want = network.wanted(engine.config.ns, network.bridges(engine.config), network.uplink().name, dns)
    hooks = {
        table: {builtin: network.chain(engine.config.ns, part) for builtin, part in parts.items()}
        for table, parts in network.HOOKS.items()
    }
    return not any(network.repair(table, network.read_rules(table), want[table], hooks[table]) for table in want)


def test_a_sigterm_ends_containers_dockerd_and_containerd(ours):
    ours.start()
    world = ours.world()
    address = serving(world)

    assert ours.signal(signal.SIGTERM) == 0
    assert ours.pids() == []
    assert page(address) != "a peer"
    assert not ours.places.pid_file.exists()


def test_a_killed_wrapper_is_followed_by_one_that_adopts_the_running_engine(ours):
    ours.start()
    world = ours.world()
    address = serving(world)
    before = ours.pids()
    ours.signal(signal.SIGKILL)

    ours.start()

    assert "engine adopted" in ours.said
    assert ours.pids() == before
    assert page(address) == "a peer"


def test_a_killed_dockerd_ends_the_wrapper_while_instances_go_on_and_the_next_start_brings_all_back(ours):
    ours.start()
    world = ours.world()
    address = serving(world)
    os.kill(ours.pids()[1], signal.SIGKILL)

    assert ours.process.wait(20) == 1
    assert page(address) == "a peer"

    ours.start()
    answers_again(world)


def test_a_start_after_everything_was_killed_brings_all_back(ours):
    ours.start()
    world = ours.world()
    serving(world)
    ours.process.kill()
    ours.process.wait()
    for pid in ours.pids():
        os.kill(pid, signal.SIGKILL)
    ours.places.pid_file.write_text(str(os.getpid()))

    ours.start()
    answers_again(world)


def test_removal_leaves_nothing_even_after_everything_was_killed(ours):
    ours.start()
    world = ours.world()
    address = serving(world)
    ours.process.kill()
    ours.process.wait()
    for pid in ours.pids():
        os.kill(pid, signal.SIGKILL)

    subprocess.run(ours.argv("--remove"), env=ours.env, check=True)

    saved = network.run("iptables-save")
    mounts = network.run("cat", "/proc/self/mounts")
    assert page(address) != "a peer"
    assert not [word for word in (ours.config.apps_bridge, ours.config.builds_bridge, "MNT-tst-") if word in saved]
    assert str(ours.folder) not in mounts
    assert str(ours.places.short) not in mounts
    assert not ours.config.engine_home.exists()
    assert not ours.places.short.exists()


# -- beside another engine ----------------------------------------------------------------------------------------


def test_another_engine_keeps_its_rules_and_its_published_port_when_ours_starts(plain, ours):
    plain.start()
    plain.publish(SERVES, PORT)
    host = "172.29.255.1"
    eventually(lambda: page(host))
    before, policy = rules_of(plain.bridge), forward_policy()

    ours.start()
    world = ours.world()

    assert page(serving(world)) == "a peer"
    assert rules_of(plain.bridge) == before
    assert forward_policy() == policy
    assert page(host) == "a peer"


def forward_policy() -> str:
    return network.run("iptables", "-w", "-S", "FORWARD").splitlines()[0]


def test_another_engine_that_starts_opens_nothing_even_while_nobody_mends_rules(ours, plain):
    ours.start()
    world = ours.world()
    address = serving(world)
    probe = world.engine.start(world.container(name="probe", network="bridge"))
    ours.process.send_signal(signal.SIGSTOP)

    plain.start()
    stranger = plain.publish(SERVES, PORT)
    (there,) = [item for item in plain.api().containers() if item["Id"] == stranger]
    theirs = there["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    eventually(lambda: page(theirs))

    assert page(address) == "a peer"
    for target in (address, theirs, "172.29.255.1"):
        assert tries(world.engine, probe, target).startswith("tried")
    assert tries(SwarmEngine(plain.socket, "plain"), stranger, address).startswith("tried")
    ours.process.send_signal(signal.SIGCONT)
    until(lambda: right(ours), seconds=6)


def test_not_even_an_accept_above_our_rules_opens_an_instance_to_another(ours):
    ours.start()
    world = ours.world()
    address = serving(world)
    probe = world.engine.start(world.container(name="probe", network="bridge"))
    accept = ("-i", ours.config.apps_bridge, "-j", "ACCEPT")
    ours.process.send_signal(signal.SIGSTOP)
    network.run("iptables", "-w", "-I", "FORWARD", *accept)

    said = tries(world.engine, probe, address)

    network.run("iptables", "-w", "-D", "FORWARD", *accept)
    assert said.startswith("tried")
    assert page(address) == "a peer"


def tries(engine: SwarmEngine, container: str, address: str) -> str:
    """Let a container ask for a page for 2 s; return what it says: "reached" comes first, if it was."""
    heard: list[bytes] = []
    code = TRIES.format(seconds=2, address=address, port=PORT)
    engine.exec(container, Exec(argv=(*PYTHON, code), user="0:0"), output=heard.append, deadline=30)
    return b"".join(heard).decode()


def test_the_outside_is_still_reachable_after_another_engine_has_started(ours, plain):
    ours.start()
    plain.start()
    world = ours.world()
    probe = world.engine.start(world.container(name="probe", network="bridge"))

    assert world.ask(probe, TLS.format(host=package_index()))[1].startswith("secure")
