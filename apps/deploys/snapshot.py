"""A release's config: sealed values as they were. It is opened here and nowhere else, by the worker."""

from __future__ import annotations

import base64

from django.conf import settings
from django.db.models import F

from apps.applications.models import App, ConfigVar
from apps.releases.models import Release
from minato.drivers.wiring import drivers

Snapshot = dict[str, list[object]]  # key -> [version, base64 of the sealed value]


def config_of(app: App) -> Snapshot:
    """Return the app's config as it is now."""
    rows = ConfigVar.objects.filter(app=app).order_by("key")
    return {row.key: [row.version, base64.b64encode(bytes(row.sealed)).decode()] for row in rows}


def open_config(app: App, release: Release) -> dict[str, str]:
    """Return a release's config in the clear. Raises PlatformError `seal:platform:*`."""
    seal = drivers(settings.MINATO).seal
    return {
        key: seal.open(base64.b64decode(sealed), app=app.uid, key=key, version=version, wrapped=bytes(app.key))
        for key, (version, sealed) in release.config.items()
    }


def restore_config(app: App, release: Release) -> None:
    """Make a release's config the app's own again; a value keeps its version, to which it is sealed."""
    seal = drivers(settings.MINATO).seal
    ConfigVar.objects.filter(app=app).delete()
    for key, value in open_config(app, release).items():
        version, sealed = release.config[key]
        ConfigVar.objects.create(
            app=app, key=key, sealed=base64.b64decode(sealed), version=version, fingerprint=seal.fingerprint(value)
        )
    App.objects.filter(pk=app.pk).update(config_version=F("config_version") + 1)
