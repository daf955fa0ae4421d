"""Apps: a name, a team, a sealed key of their own."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction

from apps.accounts.viewers import viewer_of
from apps.applications import actions
from apps.applications.models import App
from minato.drivers.wiring import drivers
from minato.errors import PlatformError, UserError

pytestmark = pytest.mark.django_db


def test_every_app_seals_with_a_key_of_its_own(shop, harbour, viewer):
    seal = drivers(settings.MINATO).seal
    other = actions.create_app(name="blog-1", team=harbour, viewer=viewer)
    sealed = seal.seal("s3cret", app=shop.uid, key="A", version=1, wrapped=bytes(shop.key))
    stored = App.objects.get(pk=shop.pk)
    assert seal.open(sealed, app=shop.uid, key="A", version=1, wrapped=bytes(stored.key)) == "s3cret"
    with pytest.raises(PlatformError):
        seal.open(sealed, app=other.uid, key="A", version=1, wrapped=bytes(other.key))


def test_a_stranger_gets_exactly_what_nobody_gets(shop, bob):
    assert App.objects.visible_to(viewer_of(bob, via="api")).named("shop").first() is None
    assert App.objects.visible_to(viewer_of(bob, via="api")).named(shop.uid).first() is None


def test_nobody_makes_an_app_for_another_team(harbour, bob):
    with pytest.raises(UserError) as caught:
        actions.create_app(name="blog-1", team=harbour, viewer=viewer_of(bob, via="api"))
    assert caught.value.code == "access:user:forbidden"


def test_two_live_apps_never_share_a_name_even_past_our_code(shop, harbour):
    with pytest.raises(IntegrityError), transaction.atomic():
        App.objects.create(name="shop", team=harbour)


def test_an_app_without_a_branch_deploys_main_and_master(shop, viewer):
    assert shop.deploys_from("main") and shop.deploys_from("master") and not shop.deploys_from("dev")
    changed = actions.update_app(app=shop, changes={"deploy_branch": "live"}, viewer=viewer)
    assert changed.deploys_from("live") and not changed.deploys_from("main")


def test_a_setting_that_does_not_exist_is_refused(shop, viewer):
    for changes in ({"name": "stolen"}, {"deleted_at": ""}, {"key": ""}):
        with pytest.raises(UserError, match="no setting"):
            actions.update_app(app=shop, changes=changes, viewer=viewer)
