"""Images without an image registry to take them from: the same bytes from the same inputs."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import time
from pathlib import Path

import pytest

from launch import images, lifecycle
from launch.stack import builder, debian, layer, pack, recipe, write
from minato.drivers.registry.fake import FakeRegistry
from minato.errors import PlatformError

ROOT = Path(__file__).resolve().parents[2]
EPOCH = 1_700_000_000
TRIXIE = recipe.load(ROOT / "stacks/trixie.toml")


def members(file: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(file.read_bytes()))) as tar:
        return {one.name: one for one in tar}


@pytest.fixture
def tree(tmp_path) -> Path:
    root = tmp_path / "tree"
    for name, text in {
        "usr/bin/tool": "tool",
        "usr/share/doc/tool/changelog.Debian.gz": "CVE",
        "usr/share/doc/tool/README": "long",
        "usr/share/man/man1/tool.1": "long",
        "var/lib/apt/lists/index": "long",
        "var/log/dpkg.log": "today",
        "etc/machine-id": "ours",
        "etc/apt/sources.list": "deb http://mirror.example",
        "etc/passwd": "root",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
        os.utime(root / name, (EPOCH - 10, EPOCH - 10))
    return root


def test_what_a_machine_or_a_moment_left_stays_out(tree, tmp_path):
    layer.write(tree, tmp_path / "out.tar.gz", epoch=EPOCH, began=time.time() + 60)
    files = {name for name, one in members(tmp_path / "out.tar.gz").items() if one.isreg()}
    assert files == {"usr/bin/tool", "usr/share/doc/tool/changelog.Debian.gz", "etc/passwd"}


def test_a_file_of_a_package_keeps_its_date_and_a_new_one_gets_the_epoch(tree, tmp_path):
    began = time.time() - 1
    (tree / "etc/new").write_text("made by the build")
    layer.write(tree, tmp_path / "out.tar.gz", epoch=EPOCH, began=began)
    found = members(tmp_path / "out.tar.gz")
    assert found["usr/bin/tool"].mtime == EPOCH - 10
    assert found["etc/new"].mtime == EPOCH


def test_the_same_tree_gives_the_same_bytes(tree, tmp_path):
    began = time.time() - 1
    first = layer.write(tree, tmp_path / "one.tar.gz", epoch=EPOCH, began=began)
    (tree / "etc").touch()
    second = layer.write(tree, tmp_path / "two.tar.gz", epoch=EPOCH, began=began)
    assert (first.digest, first.diff_id, first.size) == (second.digest, second.diff_id, second.size)
    assert pack.saved(tmp_path / "one.tar.gz") == first


def test_links_are_kept_and_sockets_left_out(tree, tmp_path):
    os.link(tree / "usr/bin/tool", tree / "usr/bin/twin")
    (tree / "usr/bin/soft").symlink_to("tool")
    os.mkfifo(tree / "etc/pipe")
    layer.write(tree, tmp_path / "out.tar.gz", epoch=EPOCH, began=0)
    found = members(tmp_path / "out.tar.gz")
    assert found["usr/bin/twin"].islnk()
    assert found["usr/bin/twin"].linkname == "usr/bin/tool"
    assert found["usr/bin/soft"].linkname == "tool"
    assert "etc/pipe" not in found


def test_what_an_overlay_removed_becomes_a_whiteout(tree, tmp_path):
    os.mknod(tree / "etc/gone", 0o20000, os.makedev(0, 0))
    os.setxattr(tree / "usr/bin", "trusted.overlay.opaque", b"y")
    layer.write(tree, tmp_path / "out.tar.gz", epoch=EPOCH, began=0)
    found = members(tmp_path / "out.tar.gz")
    assert "etc/.wh.gone" in found
    assert "etc/gone" not in found
    assert "usr/bin/.wh..wh..opq" in found
    assert found["usr/bin/.wh..wh..opq"].size == 0


DEB822 = """Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main

# the other one
Types: deb deb-src
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main contrib
"""


@pytest.mark.parametrize(
    "name, text",
    [
        ("sources.list.d/debian.sources", DEB822),
        (
            "sources.list",
            "# first\ndeb [arch=amd64 signed-by=/x] http://mirror.example/debian bookworm main non-free\n"
            "deb-src http://other.example/debian bookworm main\n"
            "deb http://mirror.example/debian-security bookworm-security main\n",
        ),
    ],
)
def test_the_mirror_is_the_machines_own(tmp_path, name, text):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/other.list").write_text("deb https://other.example/node nodistro main\n")
    (tmp_path / name).write_text(text)
    assert debian.mirrors(tmp_path, "bookworm") == (
        "http://mirror.example/debian",
        "http://mirror.example/debian-security",
    )


def test_a_machine_without_a_debian_mirror_is_told_so(tmp_path):
    with pytest.raises(PlatformError) as caught:
        debian.mirrors(tmp_path, "bookworm")
    assert caught.value.code == "build:platform:no-mirror"


def test_without_a_security_archive_there_is_no_line_for_it():
    assert debian.source_lines("trixie", "http://m/debian", "") == [
        "deb http://m/debian trixie main",
        "deb http://m/debian trixie-updates main",
    ]


def test_passwords_are_as_old_as_the_recipe():
    assert (
        debian.undated("root:*:20781:0:99999:7:::\ncnb:!:20781::::::\n", 100)
        == "root:*:100:0:99999:7:::\ncnb:!:100::::::\n"
    )


def test_layers_lie_over_each_other():
    assert TRIXIE.chain("tools") == ["base", "python", "tools"]
    assert TRIXIE.accounts["build"].numeric == "1001:1000"
    assert TRIXIE.accounts["run"].numeric == "1002:1000"


@pytest.mark.parametrize(
    "env, conf, wanted",
    [
        ({}, "", {}),
        (
            {},
            "[global]\nindex-url = https://i/simple\n",
            {"PIP_INDEX_URL": "https://i/simple", "UV_DEFAULT_INDEX": "https://i/simple"},
        ),
        (
            {"PIP_INDEX_URL": "https://e"},
            "[global]\nindex-url = https://i\n",
            {"PIP_INDEX_URL": "https://e", "UV_DEFAULT_INDEX": "https://e"},
        ),
        (
            {},
            "[global]\nextra-index-url =\n  https://a\n  https://b\n",
            {"PIP_EXTRA_INDEX_URL": "https://a https://b", "UV_INDEX": "https://a https://b"},
        ),
    ],
)
def test_builds_use_the_machines_package_index(env, conf, wanted):
    assert builder.index_settings(env, conf) == wanted


@pytest.fixture
def cnb(tmp_path) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    for name in ("lifecycle", "launcher", "uv"):
        (tmp_path / name).write_bytes(name.encode())
    entries = builder.members(
        lifecycle=tmp_path,
        buildpacks=ROOT / "buildpacks",
        uv=tmp_path / "uv",
        settings={"UV_DEFAULT_INDEX": "https://i"},
        account=TRIXIE.accounts["build"],
        epoch=EPOCH,
    )
    return {info.name: (info, content) for info, content in entries}


def test_the_builder_holds_lifecycle_buildpacks_and_order(cnb):
    assert cnb["cnb/lifecycle/detector"][0].linkname == "lifecycle"
    assert cnb["cnb/buildpacks/minato_python/0.1.0/bin/build"][0].mode == 0o755
    assert "cnb/buildpacks/minato_procfile/0.1.0/lib/cnb.py" in cnb
    assert b'id = "minato/python"\nversion = "0.1.0"\noptional = false' in cnb["cnb/order.toml"][1]
    assert cnb["cnb/build-config/env/UV_DEFAULT_INDEX"][1] == b"https://i"
    assert cnb["usr/local/bin/uv"][1] == b"uv"


def test_only_the_work_folders_belong_to_the_build_user(cnb):
    owned = {name for name, (info, _) in cnb.items() if info.uid or info.gid}
    assert owned == {"workspace", "layers", "cache", "platform"}
    assert all(not info.mode & 0o022 for info, _ in cnb.values() if not info.issym())


def test_an_image_is_pushed_once_and_its_tag_moves_when_it_changes(tmp_path):
    registry = FakeRegistry()
    made = pack.write_members([(tarfile.TarInfo("a"), b"a")], tmp_path / "a.tar.gz")
    told = write.image_config(TRIXIE, TRIXIE.accounts["run"], [made], workdir="/", builds=False)
    first = write.push(registry, "h:1/run-python:3.13", [made], told)
    assert write.push(registry, "h:1/run-python:3.13", [made], told) == first
    assert first.startswith("h:1/run-python@sha256:")
    moved = write.push(registry, "h:1/run-python:3.13", [made, made], told)
    assert moved != first
    assert registry.digest(first) == first.partition("@")[2]


def test_an_image_says_which_base_it_is_and_which_user_runs(tmp_path):
    told = write.image_config(TRIXIE, TRIXIE.accounts["build"], [], workdir="/layers", builds=True)
    assert told["config"]["User"] == "1001:1000"
    assert {"CNB_USER_ID=1001", "CNB_GROUP_ID=1000"} <= set(told["config"]["Env"])
    assert told["config"]["Labels"]["io.buildpacks.base.distro.version"] == "13"


def test_the_proxy_has_no_network_and_the_sockets_folder(config):
    made = images.proxy(config, "h:1/run-python@sha256:0")
    assert made.network == "none"
    assert made.restart
    assert made.command == (
        "python3",
        "-IS",
        "/minato/regproxy.py",
        str(config.ports.registry),
        "/run/registry/registry.sock",
    )
    assert made.mounts[0].source == str(config.registry_socket.parent)


def test_the_lifecycle_is_the_pinned_one():
    assert lifecycle.version(ROOT / "lifecycle") == "0.21.14"
