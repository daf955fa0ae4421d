"""Every act leaves a row: each action that takes a viewer is in the table, is done, and is found in the log."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

import apps
from apps.access.viewer import Viewer
from apps.accounts import links, teams, tokens
from apps.accounts.models import Team
from apps.accounts.viewers import viewer_of
from apps.applications import actions as applications
from apps.audit import actions as audit
from apps.audit.context import Client, current
from apps.audit.models import Entry
from apps.deploys import actions as deploys
from apps.deploys.models import Deploy
from apps.routes import hosts
from minato.values.source import RefChange, SourceBlob

pytestmark = pytest.mark.django_db
BLOB = SourceBlob(sha256="1" * 64, size=1, entries=1)
CHANGE = RefChange(old="0" * 40, new="2" * 40, ref="refs/heads/main")


class Stage:
    """What the acts act on: alice, her team and her running app."""

    def __init__(self, alice: Any, harbour: Any, bob: Any, shop: Any, viewer: Viewer) -> None:
        self.alice, self.harbour, self.bob, self.shop, self.viewer = alice, harbour, bob, shop, viewer

    @property
    def on_app(self) -> dict[str, Any]:
        return {"app": self.shop, "viewer": self.viewer}

    def deploy(self) -> Deploy:
        return deploys.restart(**self.on_app)

    def domain(self) -> str:
        return hosts.add_domain(host="shop.example.com", **self.on_app).host

    def member(self) -> str:
        return teams.set_member(team=self.harbour, username="bob", role="member", viewer=self.viewer).user.uid

    def token(self) -> str:
        return tokens.make(user=self.alice, name="x", scopes=["read"], viewer=self.viewer)[0].uid


# function -> (what comes before, the act with what came of it, the row's action)
Act = tuple[Callable[[Stage], Any], Callable[[Stage, Any], Any], str]


def nothing(_stage: Stage) -> None:
    return None


ACTS: dict[str, Act] = {
    "apps.accounts.links.invite": (
        nothing,
        lambda s, _: links.invite(team=s.harbour, username="dan", viewer=replace(s.viewer, operator=True)),
        "team.invite",
    ),
    "apps.accounts.teams.create": (nothing, lambda s, _: teams.create(name="pier", viewer=s.viewer), "team.create"),
    "apps.accounts.teams.set_member": (nothing, lambda s, _: s.member(), "team.set-member"),
    "apps.accounts.teams.remove_member": (
        Stage.member,
        lambda s, uid: teams.remove_member(team=s.harbour, user_uid=uid, viewer=s.viewer),
        "team.remove-member",
    ),
    "apps.accounts.tokens.make": (nothing, lambda s, _: s.token(), "token.make"),
    "apps.accounts.tokens.revoke": (
        Stage.token,
        lambda s, uid: tokens.revoke(uid=uid, viewer=s.viewer),
        "token.revoke",
    ),
    "apps.applications.actions.create_app": (
        nothing,
        lambda s, _: applications.create_app(name="blog-1", team=s.harbour, viewer=s.viewer),
        "app.create",
    ),
    "apps.applications.actions.first_token": (nothing, lambda s, _: applications.first_token(**s.on_app), "token.make"),
    "apps.applications.actions.update_app": (
        nothing,
        lambda s, _: applications.update_app(changes={"check_path": "/up"}, **s.on_app),
        "app.update",
    ),
    "apps.routes.hosts.add_domain": (nothing, lambda s, _: s.domain(), "domain.add"),
    "apps.routes.hosts.remove_domain": (
        Stage.domain,
        lambda s, host: hosts.remove_domain(host=host, **s.on_app),
        "domain.remove",
    ),
    "apps.routes.hosts.set_maintenance": (
        nothing,
        lambda s, _: hosts.set_maintenance(on=True, **s.on_app),
        "app.maintenance",
    ),
    "apps.deploys.actions.push": (
        nothing,
        lambda s, _: deploys.push(source=BLOB, change=CHANGE, **s.on_app),
        "app.push",
    ),
    "apps.deploys.actions.upload": (nothing, lambda s, _: deploys.upload(source=BLOB, **s.on_app), "app.upload"),
    "apps.deploys.actions.set_config": (
        nothing,
        lambda s, _: deploys.set_config(changes={"A": "hunter2"}, **s.on_app),
        "config.set",
    ),
    "apps.deploys.actions.scale": (
        nothing,
        lambda s, _: deploys.scale(changes=[("web", "=2", None)], **s.on_app),
        "app.scale",
    ),
    "apps.deploys.actions.restart": (nothing, lambda s, _: s.deploy(), "app.restart"),
    "apps.deploys.actions.redeploy": (nothing, lambda s, _: deploys.redeploy(**s.on_app), "app.redeploy"),
    "apps.deploys.actions.rollback": (
        nothing,
        lambda s, _: deploys.rollback(release=s.shop.releases.get(number=1), **s.on_app),
        "app.rollback",
    ),
    "apps.deploys.actions.cancel": (
        Stage.deploy,
        lambda s, deploy: deploys.cancel(deploy=deploy, viewer=s.viewer),
        "deploy.cancel",
    ),
    "apps.deploys.actions.delete_app": (nothing, lambda s, _: deploys.delete_app(**s.on_app), "app.delete"),
}


def public_acts() -> Iterator[str]:
    """Yield every public function below `apps` that takes a viewer by keyword: that is what an act is."""
    for found in pkgutil.walk_packages(apps.__path__, "apps."):
        inner = found.name.startswith("apps.deploys.actions.")
        if inner or ".migrations" in found.name or ".management" in found.name or ".audit." in found.name:
            continue
        yield from _acts_of(importlib.import_module(found.name))


def _acts_of(module: ModuleType) -> Iterator[str]:
    exported = getattr(module, "__all__", ())
    for name, function in vars(module).items():
        ours = getattr(function, "__module__", "") == module.__name__ or name in exported
        if not name.startswith("_") and inspect.isfunction(function) and ours:
            viewer = inspect.signature(function).parameters.get("viewer")
            if viewer is not None and viewer.kind is inspect.Parameter.KEYWORD_ONLY:
                yield f"{module.__name__}.{name}"


@pytest.fixture
def stage(alice, harbour, bob, live_shop, viewer) -> Stage:
    return Stage(alice, harbour, bob, live_shop, viewer)


def test_every_act_is_in_the_table():
    assert set(public_acts()) == set(ACTS)


@pytest.mark.parametrize("name", sorted(ACTS))
def test_an_act_leaves_a_row_with_who_and_what(stage, name):
    before, act, action = ACTS[name]
    made = before(stage)
    last = Entry.objects.order_by("-seq").values_list("seq", flat=True).first() or 0
    current.set(Client(request_id="r-1", address="192.0.2.7"))
    act(stage, made)
    current.set(Client())
    rows = list(Entry.objects.filter(seq__gt=last))
    assert [row.action for row in rows] == [action]
    (row,) = rows
    assert (row.actor, row.actor_label, row.via, row.result) == (stage.alice.uid, "alice", "api", "done")
    assert row.object and row.object_label and row.request_id == "r-1"
    assert "hunter2" not in str(row.detail)


def test_a_row_is_added_and_never_changed(shop):
    """No code of ours updates or removes an entry."""
    import re
    from pathlib import Path

    root = Path(apps.__path__[0])
    changes = re.compile(r"Entry\.objects[^\n]*\.(update|delete|bulk_update)\(")
    assert [str(path) for path in root.rglob("*.py") if changes.search(path.read_text())] == []


def test_the_platform_acts_as_itself(db):
    row = audit.record(viewer=None, action="stack.update", object="x", label="minato/trixie")
    assert (row.actor, row.actor_label, row.via) == ("system", "minato", "system")


def test_a_row_says_which_token_was_used(alice, shop):
    token = tokens.make(user=alice, name="ci", scopes=["admin", "read"])[0]
    applications.update_app(app=shop, changes={"check_path": "/x"}, viewer=viewer_of(alice, via="api", token=token))
    assert Entry.objects.get(action="app.update").detail["token"] == token.uid


def test_an_act_that_fails_leaves_no_row(viewer, harbour, shop):
    from minato.errors import UserError

    seen = Entry.objects.count()
    with pytest.raises(UserError):
        applications.create_app(name="shop", team=harbour, viewer=viewer)
    assert Entry.objects.count() == seen
    assert Team.objects.filter(name="harbour").count() == 1
