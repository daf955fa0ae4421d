"""Config reaches the process as it was set, also through the engine's templates."""

import pytest

from minato.schedule import Spec, deliver, environment, workload
from minato.values.process import Formation


def expand(value: str) -> str:
    """What Go's text/template makes of our escape: the action {{"{{"}} prints two braces, all else is text."""
    return value.replace('{{"{{"}}', "{{")


@pytest.mark.parametrize(
    "value", ["plain", "{{.Node.ID}}", "{{", "{{{", "a {{ b }} c", '{{"{{"}}', "}}{{", "", "日本 {{x"]
)
def test_every_value_arrives_as_it_is(value):
    (delivered,) = deliver({"A": value}).values()
    actions = delivered.count("{{") - 2 * delivered.count('{{"{{"}}')
    assert actions == 0  # no action of the user's is left
    if '{{"{{"}}' not in value:
        assert expand(delivered) == value


@pytest.fixture
def spec():
    return Spec(
        ns="le",
        app="a_aaaaaaaaaa",
        app_name="shop",
        deploy=3,
        release=2,
        commit="ab" * 20,
        image="r/apps/a@sha256:x",
        config={"A": "{{x}}", "PORT": "1", "MINATO_APP": "evil", "DYNO": "x"},
        process_ids={"web": "p_bbbbbbbbbb", "worker": "p_cccccccccc"},
        port=20017,
    )


def test_the_platforms_names_win_over_the_users(spec):
    env = environment(spec, process="web", name="web.1")
    assert env == {
        "A": "{{x}}",
        "PORT": "20017",
        "DYNO": "web.1",
        "MINATO_APP": "shop",
        "MINATO_PROCESS": "web",
        "MINATO_RELEASE": "v2",
        "SOURCE_VERSION": "ab" * 20,
        "HEROKU_APP_NAME": "shop",
        "HEROKU_RELEASE_VERSION": "v2",
        "HEROKU_SLUG_COMMIT": "ab" * 20,
    }


def test_a_workload_is_named_by_ids_and_only_dyno_is_a_template(spec):
    made = workload(spec, Formation(type="web", quantity=2, size="small"))
    assert made.name == "le-a_aaaaaaaaaa-p_bbbbbbbbbb-d3"
    assert made.command == ("/cnb/process/web",)
    assert (made.replicas, made.limits.memory, made.user) == (2, 256 << 20, "1002:1000")
    assert made.env["DYNO"] == "web.{{.Task.Slot}}"
    assert made.env["A"] == '{{"{{"}}x}}'
    assert made.labels == {
        "minato.ns": "le",
        "minato.app": "a_aaaaaaaaaa",
        "minato.release": "v2",
        "minato.process": "web",
        "minato.deploy": "3",
        "minato.service": made.name,
    }


def test_a_spec_never_shows_its_config(spec):
    assert "evil" not in repr(spec)
