"""building: wait for the build's row; no worker waits, a finished build kicks its deploy."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.builds.models import Build
from apps.deploys.hold import Hold
from minato.errors import Cancelled, MinatoError, PlatformError, UserError


def build(hold: Hold) -> bool:
    """Go on with an image, fail with the build's own reason, or let go until it is over."""
    row = hold.deploy.build
    if row is None or row.state == "succeeded":
        hold.move("releasing")
        return True
    if row.state == "cancelled":
        raise Cancelled
    if row.state == "failed":
        raise reason(row)
    return False


def reason(row: Build) -> MinatoError:
    """Return a failed build's error as its deploy's."""
    whose = UserError if ":user:" in row.code else PlatformError
    return whose(code=row.code, message=row.message or _("build %(number)s failed") % {"number": row}, hint=row.hint)
