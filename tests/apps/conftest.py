"""Rows that several rooms' tests start from."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def cheap_passwords(settings):
    """The cast's passwords are no secret: scrypt's work would be most of the suite's time."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def live_shop(shop):
    """Shop with a release v1 that runs, made by rows alone."""
    from django.utils import timezone

    from apps.applications.models import Process
    from apps.builds.models import Build
    from apps.deploys.models import Deploy
    from apps.releases.models import Release
    from apps.sources.models import Source

    now = timezone.now()
    source = Source.objects.create(app=shop, sha256="0" * 64, size=1, origin="push", commit="4f2c1aa" + "0" * 33)
    build = Build.objects.create(
        app=shop, number=1, source=source, state="succeeded", image="r/a@sha256:1", deadline=now, processes={"web": "x"}
    )
    release = Release.objects.create(
        app=shop,
        number=1,
        build=build,
        image=build.image,
        processes={"web": "x"},
        formation=[{"type": "web", "quantity": 1, "size": "medium"}],
        description="Deploy 4f2c1aa",
        state="live",
    )
    Process.objects.create(app=shop, type="web", quantity=1)
    Deploy.objects.create(
        app=shop, number=1, kind="push", source=source, build=build, release=release, state="live", deadline=now
    )
    return shop
