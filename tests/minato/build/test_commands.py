"""Each phase's command is a value: the test is an equality."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace

import pytest

from minato.build import containers, inputs, places
from minato.build.analyze import analyze
from minato.build.build import build
from minato.build.detect import detect
from minato.build.export import export
from minato.build.restore import restore
from minato.errors import UserError
from minato.values.engine import Exec, Limits, Mount

QUIET = {"CNB_PLATFORM_API": "0.15", "CNB_NO_COLOR": "true"}
TRUSTED = {
    **QUIET,
    "TMPDIR": "/platform/minato/tmp",
    "CNB_REGISTRY_AUTH_KEYCHAIN_SKIP_AMAZON": "true",
    "CNB_REGISTRY_AUTH_KEYCHAIN_SKIP_AZURE": "true",
}
OURS = "/platform/minato"
TAG = "127.0.0.1:5000/apps/a_aaaaaaaaaa:build-7-2"


def lifecycle(program: str, *args: str, env: dict[str, str]) -> Exec:
    return Exec(argv=(f"/cnb/lifecycle/{program}", "-no-color", *args), env=env, user="1001:1000")


def test_analyze_reads_the_previous_image_and_the_run_image_by_digest(platform):
    wanted = ("-layers", "/layers", "-analyzed", f"{OURS}/analyzed.toml", "-run", f"{OURS}/run.toml")
    wanted += ("-run-image", platform.plan.stack.run, "-previous-image", platform.plan.previous, TAG)
    assert analyze(platform.plan) == lifecycle("analyzer", *wanted, env=TRUSTED)


def test_a_first_build_has_no_previous_image(platform):
    assert "-previous-image" not in analyze(replace(platform.plan, previous="")).argv


def test_detect():
    wanted = ("-app", "/workspace", "-layers", "/layers", "-platform", "/platform")
    wanted += ("-analyzed", f"{OURS}/analyzed.toml", "-run", f"{OURS}/run.toml")
    assert detect() == lifecycle("detector", *wanted, env=QUIET)


def test_restore():
    wanted = ("-layers", "/layers", "-analyzed", f"{OURS}/analyzed.toml", "-run", f"{OURS}/run.toml")
    assert restore() == lifecycle("restorer", *wanted, "-cache-dir", "/cache", env=TRUSTED)


def test_build():
    wanted = ("-app", "/workspace", "-layers", "/layers", "-platform", "/platform")
    assert build() == lifecycle("builder", *wanted, "-analyzed", f"{OURS}/analyzed.toml", env=QUIET)


def test_export(platform):
    wanted = ("-app", "/workspace", "-layers", "/layers", "-analyzed", f"{OURS}/analyzed.toml")
    wanted += ("-run", f"{OURS}/run.toml", "-cache-dir", "/cache")
    wanted += ("-project-metadata", f"{OURS}/project-metadata.toml", "-report", f"{OURS}/report.toml", TAG)
    assert export(platform.plan) == lifecycle("exporter", *wanted, env=TRUSTED)


def test_the_trusted_container_has_the_registry_proxys_network_and_the_cache(platform):
    made = containers.trusted(platform.plan, platform.config)
    ns = platform.config.ns
    assert made.network == f"container:{ns}-regproxy"
    assert made.user == "1001:1000"
    assert Mount(source=f"{ns}-cache-a_aaaaaaaaaa", target="/cache") in made.mounts
    assert made.labels["minato.build"] == "b_aaaaaaaaaa"
    assert made.labels["minato.fence"] == "2"


def test_the_untrusted_container_has_neither_cache_nor_registry_and_cannot_write_the_platforms_folder(platform):
    made = containers.untrusted(platform.plan, platform.config)
    ns = platform.config.ns
    assert made.network == f"{ns}-builds"
    assert made.limits == Limits(memory=2 << 30, cpu=2.0, pids=512)
    assert made.mounts == (
        Mount(source=f"{ns}-b_aaaaaaaaaa-2-layers", target="/layers"),
        Mount(source=f"{ns}-b_aaaaaaaaaa-2-workspace", target="/workspace"),
        Mount(source=f"{ns}-b_aaaaaaaaaa-2-platform", target="/platform", read_only=True),
        Mount(source=places.BUNDLE, target=places.BUNDLE, read_only=True),
    )


def test_the_platforms_tar_holds_variables_commit_and_the_moving_tag(platform):
    with tarfile.open(fileobj=io.BytesIO(inputs.platform_tar(platform.plan))) as tar:
        files = {one.name: tar.extractfile(one).read().decode() for one in tar if one.isreg()}
        folders = {one.name for one in tar if one.isdir()}
    assert files == {
        "env/DEBUG": "1",
        "env/SOURCE_VERSION": platform.plan.commit,
        "env/STACK": "minato/trixie",
        "minato/run.toml": '[[images]]\nimage = "127.0.0.1:5000/run-python:3.13"\n',
        "minato/project-metadata.toml": '[source]\ntype = "git"\n[source.version]\n'
        f'sha256 = "{platform.plan.source}"\ncommit = "{platform.plan.commit}"\n',
    }
    assert folders == {"env", "bindings", "minato", "minato/tmp"}


@pytest.mark.parametrize("name", ["../x", "a/b", "", "1A", "A=B", "A\n"])
def test_a_variable_that_would_be_a_path_is_refused(platform, name):
    with pytest.raises(UserError):
        inputs.platform_tar(replace(platform.plan, env={name: "x"}))


def test_an_upload_has_no_commit(platform):
    assert "commit" not in inputs.project_toml(replace(platform.plan, commit=""))
    assert "SOURCE_VERSION" not in inputs.variables(replace(platform.plan, commit=""))
