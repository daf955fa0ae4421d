"""The story of a build on fakes."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from minato import build
from minato.drivers.engine.scripted import Answer
from minato.errors import Cancelled, PlatformError, UserError
from minato.values.engine import Container, Limits

PHASES = ("analyze", "detect", "restore", "build", "export")


def left(platform) -> tuple[int, list[str]]:
    of_build = {"minato.build": platform.plan.build}
    return len(platform.engine.instances(of_build)), platform.engine.volumes(of_build)


def test_a_source_becomes_an_image_by_digest(platform):
    digest = platform.exports()
    done = platform.run()
    assert done.image == f"{platform.plan.repository}@{digest}"
    assert done.processes == {"web": "gunicorn app:app", "task": "python 'a b.py' --now"}
    assert done.reused_layers == 2
    assert done.size == 5
    assert done.buildpacks == ("minato/python@1",)


def test_the_phases_run_in_order_each_in_its_container(platform):
    platform.run()
    phases = [one for one in platform.programs() if one.endswith(("er", "or"))]
    assert phases == ["analyzer", "detector", "restorer", "builder", "exporter"]
    assert {one.name for one in platform.phases} == {*PHASES, "prepare"}
    assert all(one.exit_code == 0 for one in platform.phases)


def test_the_source_is_streamed_in_as_it_is(platform):
    platform.run()
    assert [given for _, command, given in platform.engine.ran if command.argv[-1] == "/workspace"] == [
        b"a canonical tar"
    ]


def test_the_transcript_is_the_buildpacks_with_its_marks_turned_into_kinds(platform):
    platform.run()
    assert platform.said[0] == ("head", f"Building with builder minato/trixie@{platform.plan.stack.builder[-71:][:19]}")
    assert platform.said[1:5] == [
        ("head", "Python 3.13 app detected (requirements.txt)"),
        ("body", "Resolved"),
        ("warn", "careful"),
        ("body", "\x1b[31mred\x1b[0m"),
    ]
    assert platform.said[-1][1].startswith("Build succeeded in ")
    assert platform.said[-1][1].endswith("2 layers reused)")


def test_nothing_is_left_but_the_apps_cache(platform):
    platform.run()
    assert left(platform) == (0, [])
    assert platform.engine.volumes({"minato.app": platform.plan.app}) == [f"{platform.config.ns}-cache-a_aaaaaaaaaa"]


def test_the_result_is_told_before_the_containers_go(platform):
    told = []
    done = platform.run(made=lambda done: told.append((done, left(platform)[0])))
    assert told == [(done, 1)]  # the trusted one: of the source nothing runs any more
    assert left(platform) == (0, [])


@pytest.mark.parametrize(
    "program, code, wanted", [("detector", 20, "build:user:no-buildpack"), ("builder", 51, "build:user:failed")]
)
def test_a_failed_phase_ends_the_build_and_leaves_nothing(platform, program, code, wanted):
    platform.engine.answer((f"/cnb/lifecycle/{program}",), Answer(code=code, output=b"words\n"))
    platform.engine.answer(("ls",), Answer(output=b"README.md\n"))
    with pytest.raises(UserError) as caught:
        platform.run()
    assert caught.value.code == wanted
    assert left(platform) == (0, [])
    assert platform.phases[-1].exit_code == code
    assert "exporter" not in platform.programs()


def test_the_kernels_counter_tells_of_memory(platform):
    platform.engine.answer(("/cnb/lifecycle/builder",), Answer(code=51))
    platform.engine.answer(
        ("cat", "/sys/fs/cgroup/memory/memory.oom_control"), Answer(output=b"under_oom 0\noom_kill 1\n")
    )
    with pytest.raises(UserError) as caught:
        platform.run()
    assert caught.value.code == "build:user:memory"


def test_a_run_image_that_is_gone_fails_before_any_phase_of_the_source(platform):
    platform.registry.delete("127.0.0.1:5000/run-python")
    with pytest.raises(PlatformError) as caught:
        platform.run()
    assert caught.value.code == "build:platform:no-image"
    assert "builder" not in platform.programs()
    assert left(platform) == (0, [])


def test_an_image_on_another_run_image_is_refused(platform):
    platform.exports(run="127.0.0.1:5000/apps/a_victimaaaa@sha256:" + "2" * 64)
    with pytest.raises(PlatformError) as caught:
        platform.run()
    assert caught.value.code == "build:platform:export"


def test_an_image_that_starts_nothing_is_the_users_to_mend(platform):
    platform.exports(processes=[])
    with pytest.raises(UserError) as caught:
        platform.run()
    assert caught.value.code == "build:user:no-process"


def test_an_exporter_that_wrote_no_image_is_the_platforms_fault(platform):
    platform.registry.delete(platform.plan.repository)
    with pytest.raises(PlatformError) as caught:
        platform.run()
    assert caught.value.code == "build:platform:export"


@pytest.mark.parametrize("program", ["analyzer", "detector", "builder", "exporter"])
def test_a_cancel_ends_any_phase_and_leaves_nothing(platform, program):
    platform.engine.answer((f"/cnb/lifecycle/{program}",), Answer(hang=True))
    with pytest.raises(Cancelled):
        platform.run(stop=lambda: program in platform.programs())
    assert left(platform) == (0, [])


def test_silence_and_the_deadline_are_told_apart(platform):
    platform.engine.answer(("/cnb/lifecycle/builder",), Answer(hang=True))
    for times, code in (({"build_silence": 0.1}, "build:user:silent"), ({"build": 0.1}, "build:user:timeout")):
        platform.config = replace(platform.config, times=replace(platform.config.times, **times))
        with pytest.raises(UserError) as caught:
            platform.run()
        assert caught.value.code == code
        platform.config = replace(
            platform.config, times=replace(platform.config.times, build_silence=300.0, build=900.0)
        )


def test_the_caller_is_called_by_its_own_thread_alone(platform):
    threads = set()
    platform.run(stop=lambda: threads.add(threading.get_ident()) is not None)
    platform.phases = type("Notes", (list,), {"append": lambda self, phase: threads.add(threading.get_ident())})()
    platform.run()
    assert threads == {threading.get_ident()}


def attempt(platform, fence: int) -> None:
    """Leave what a killed builder leaves."""
    labels = {"minato.build": platform.plan.build, "minato.fence": str(fence), "minato.app": platform.plan.app}
    name = f"{platform.config.ns}-{platform.plan.build}-{fence}"
    limits = Limits(memory=1 << 20, cpu=1.0)
    image = platform.plan.stack.builder
    platform.engine.start(
        Container(name=f"{name}-untrusted", image=image, command=("x",), labels=labels, limits=limits)
    )
    platform.engine.ensure_volume(f"{name}-layers", labels)


def test_what_a_superseded_attempt_left_goes_first(platform):
    attempt(platform, 1)
    platform.run()
    assert left(platform) == (0, [])


def test_a_thawed_attempt_leaves_its_successors_alone(platform):
    attempt(platform, 3)
    platform.run()
    assert left(platform) == (1, [f"{platform.config.ns}-b_aaaaaaaaaa-3-layers"])


def test_cleanup_without_a_fence_takes_every_attempt(platform):
    attempt(platform, 3)
    attempt(platform, 4)
    assert build.cleanup(build=platform.plan.build, engine=platform.engine, config=platform.config) == 2
    assert left(platform) == (0, [])


def test_a_forgotten_app_leaves_neither_cache_nor_image(platform):
    platform.run()
    app = {"app": platform.plan.app, "repository": platform.plan.repository}
    build.forget(**app, engine=platform.engine, registry=platform.registry, config=platform.config)
    assert platform.engine.volumes({"minato.app": platform.plan.app}) == []
    assert platform.registry.tags(platform.plan.repository) == []
    assert platform.registry.tags("127.0.0.1:5000/builder") == ["trixie"]
