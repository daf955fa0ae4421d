"""What an instance and a build may reach and do, asked from inside. Only the real engine can prove it.

This kind of machine may answer "404" for any address that is not routed: what counts is a peer's own body.
"""

from __future__ import annotations

import http.server
import threading
import urllib.request

import pytest

from minato.drivers.engine.setup import builds_network
from minato.values.engine import Limits
from tests.drivers.engines import PYTHON, TLS, World, eventually
from tests.drivers.outside import package_index

pytestmark = pytest.mark.engine

PORT = 9000
SERVES = (
    *PYTHON,
    "import http.server, os\n"
    "class Page(http.server.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        self.send_response(200); self.end_headers(); self.wfile.write(os.environ['BODY'].encode())\n"
    f"http.server.ThreadingHTTPServer(('', {PORT}), Page).serve_forever()",
)
FETCH = """
import socket
try:
    with socket.create_connection(({address!r}, {port}), timeout=2) as peer:
        peer.sendall(b"GET / HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n")
        heard = b""
        while piece := peer.recv(65536):
            heard += piece
        print("heard", heard.decode(errors="replace"))
except OSError as error:
    print("nothing", error)
"""


@pytest.fixture
def instance(real_world):
    """An instance of an app that serves `BODY`, by address and container, as the router sees it."""
    return serving(real_world, real_world.app)


def serving(world: World, body: str):
    world.engine.ensure(world.workload(SERVES, env={"BODY": body}))
    (seen,) = world.until_running(1)
    assert eventually(lambda: page(seen.address, PORT)) == body
    return seen


def page(address: str, port: int) -> str | None:
    try:
        with urllib.request.urlopen(f"http://{address}:{port}/", timeout=2) as answer:
            return answer.read().decode()
    except OSError:
        return None


def fetched(world: World, container: str, address: str, port: int = PORT) -> str:
    return world.ask(container, FETCH.format(address=address, port=port))[1]


@pytest.fixture
def listening():
    """A server on every address of this machine; its body is known."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"the host itself")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["bridge", "builds"])
def inside(request, real_world):
    """A container on the instances' bridge, and one on the builds' bridge."""
    network = "bridge" if request.param == "bridge" else builds_network(real_world.config.ns)
    return real_world.engine.start(real_world.container(name="probe", network=network, user="1002:1000"))


def test_the_host_reaches_an_instance_and_no_other_container_does(real_world, instance, inside):
    assert page(instance.address, PORT) == real_world.app
    assert real_world.app not in fetched(real_world, inside, instance.address)


def test_an_instance_reaches_itself_and_no_other_container(real_world, instance):
    other = real_world.engine.start(
        real_world.container(SERVES, name="other", network="bridge", env={"BODY": "a neighbour"})
    )
    address = next(seen.address for seen in real_world.running() if seen.container == other)
    eventually(lambda: page(address, PORT))

    assert "heard" in fetched(real_world, instance.container, instance.address)
    assert "a neighbour" in (page(address, PORT) or "")
    assert "a neighbour" not in fetched(real_world, instance.container, address)


def test_no_port_of_the_host_is_reachable(real_world, inside, listening):
    config = real_world.config
    for address in (config.apps_gateway, config.builds_gateway, own_address()):
        assert page(address, listening) == "the host itself"
        assert "the host itself" not in fetched(real_world, inside, address, listening)


def own_address() -> str:
    """Return the address by which this machine reaches the outside."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.200", 9))
        return probe.getsockname()[0]


def test_no_link_local_address_is_reachable(real_world, inside):
    assert fetched(real_world, inside, "169.254.169.254", 80).startswith("nothing")


def test_the_outside_is_reachable_by_name_and_with_tls(real_world, inside):
    code, said = real_world.ask(inside, TLS.format(host=package_index()))

    assert (code, said.split()[:1]) == (0, ["secure"])


# -- what a process may do ----------------------------------------------------------------------------------------


@pytest.fixture(params=["service", "container"])
def locked(request, real_world):
    """An instance of a service, and a container of ours: both have every lock."""
    if request.param == "container":
        return real_world.engine.start(real_world.container())
    real_world.engine.ensure(real_world.workload())
    return real_world.until_running(1)[0].container


def status(world: World, container: str) -> dict[str, str]:
    _, said = world.ask(container, "print(open('/proc/self/status').read())")
    return {key: value.strip() for key, _, value in (line.partition(":") for line in said.splitlines())}


def test_a_process_has_no_capability_no_new_privileges_and_a_filter(real_world, locked):
    seen = status(real_world, locked)

    assert {int(seen[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {0}
    assert (seen["NoNewPrivs"], seen["Seccomp"]) == ("1", "2")


def test_a_process_is_nobody_of_this_machine(real_world, locked):
    seen = status(real_world, locked)
    _, mapped = real_world.ask(locked, "print(open('/proc/self/uid_map').read())")

    assert seen["Uid"].split()[0] == "1002"
    assert mapped.split()[1] != "0"


def test_even_root_inside_has_no_capability(real_world, locked):
    _, said = real_world.ask(locked, "print(open('/proc/self/status').read())", user="0:0")

    assert "CapEff:\t0000000000000000" in said


def test_the_root_is_read_only_and_tmp_is_small_and_not_executable(real_world, locked):
    _, said = real_world.ask(
        locked,
        "import os\n"
        "try: open('/data/x', 'w')\n"
        "except OSError as error: print(error.strerror)\n"
        "open('/tmp/x', 'w').write('fine')\n"
        "found = os.statvfs('/tmp')\n"
        "print(found.f_blocks * found.f_frsize)\n"
        "print(bool(found.f_flag & os.ST_NOEXEC))",
    )

    assert said.splitlines() == ["Read-only file system", str(64 << 20), "True"]


def test_an_init_reaps_and_forwards_signals(real_world, locked):
    _, said = real_world.ask(locked, "print(open('/proc/1/comm').read())")

    assert said.strip() in ("docker-init", "tini")


def test_processes_are_counted(real_world, locked):
    _, said = real_world.ask(
        locked,
        "import os, time\n"
        "made = 0\n"
        "try:\n"
        "    while made < 200:\n"
        "        if os.fork() == 0: time.sleep(3); os._exit(0)\n"
        "        made += 1\n"
        "except OSError: pass\n"
        "print(made)",
    )

    assert 0 < int(said) < 64


def test_the_cores_are_limited(real_world, locked):
    _, said = real_world.ask(
        locked,
        "from pathlib import Path\n"
        "one = [Path('/sys/fs/cgroup/cpu', name) for name in ('cpu.cfs_quota_us', 'cpu.cfs_period_us')]\n"
        "print(*[file.read_text().strip() for file in one] if one[0].exists() else "
        "Path('/sys/fs/cgroup/cpu.max').read_text().split())",
    )

    quota, period = map(int, said.split())
    assert quota == period


def test_too_much_memory_ends_a_container_and_is_told_apart(real_world):
    hungry = (*PYTHON, "held = [bytearray(16 << 20) for _ in range(20)]")
    made = real_world.engine.start(real_world.container(hungry, limits=Limits(memory=64 << 20, cpu=1.0)))

    assert real_world.engine.wait(made, timeout=20) == 137
    assert real_world.engine.instances(real_world.labels())[0].oom


def test_the_mounts_show_no_socket_and_no_path_of_the_host(real_world, locked):
    _, said = real_world.ask(locked, "print(open('/proc/self/mounts').read())")

    targets = {line.split()[1] for line in said.splitlines() if line}
    assert not [target for target in targets if "sock" in target]
    assert not [target for target in targets if target.startswith(("/home", "/var", "/run", "/data"))]


def test_scaling_keeps_every_lock(real_world):
    workload = real_world.workload()
    real_world.engine.ensure(workload)
    real_world.until_running(1)
    real_world.engine.scale(workload.name, 2)

    for seen in real_world.until_running(2):
        found = status(real_world, seen.container)
        assert int(found["CapBnd"], 16) == 0
        _, said = real_world.ask(seen.container, "print(open('/sys/fs/cgroup/pids/pids.max').read())")
        assert said.strip() == "64"
