"""proving: one probe and the counts seen after the switch; then live, and the old deploy drains."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.deploys.ends import live
from apps.deploys.hold import Hold
from apps.deploys.models import Deploy
from apps.deploys.spec import has_web
from apps.deploys.steps.switch import Counts, counts
from apps.monitoring.models import Probe
from minato.drivers.names import resolves
from minato.errors import PlatformError


def prove(hold: Hold) -> bool:
    """Wait for a report from after the switch with a ready instance in it, and make the deploy live."""
    _wait_proved(hold)
    requests, failed = difference(hold.deploy.progress["before"], counts(hold.deploy))
    before = live(hold)
    _announce(hold, before, requests, failed)
    hold.voice.end("live")
    return False


def _wait_proved(hold: Hold) -> None:
    while not proved(hold.deploy):
        if hold.late:
            raise PlatformError(
                code="prove:platform:not-seen",
                message=_("no healthy answer was seen within %(seconds)d s after the switch")
                % {"seconds": hold.config.times.prove},
                hint=_("The old release serves again. Push again, or ask an operator."),
            )
        hold.pause(f"observed:{hold.deploy.app.uid}")


def proved(deploy: Deploy) -> bool:
    if not has_web(deploy):
        return True
    switched = datetime.fromisoformat(deploy.progress["switched"])
    return Probe.objects.filter(app=deploy.app, deploy=deploy.number, observed_at__gte=switched, ready__gt=0).exists()


def difference(before: Counts, after: Counts) -> tuple[int, int]:
    """Return (requests, failed) between two counts; a router that started anew counts from 0."""
    requests = failed = 0
    for number, (now, now_failed) in after.items():
        was, was_failed = before.get(number, [0, 0])
        anew = now < was
        requests += now if anew else now - was
        failed += now_failed if anew else max(0, now_failed - was_failed)
    return requests, failed


def _announce(hold: Hold, before: Deploy | None, requests: int, failed: int) -> None:
    deploy = hold.deploy
    if has_web(deploy):
        hold.voice.head(_traffic(deploy, before, requests, failed))
    took = (timezone.now() - deploy.created).total_seconds()
    where = hold.config.app_url(deploy.app.name) if has_web(deploy) else deploy.app.name
    hold.voice.body(_("%(where)s deployed to Minato in %(seconds).1fs") % {"where": where, "seconds": took})
    if has_web(deploy) and not resolves(hold.config.app_host(deploy.app.name)):
        _say_how_to_reach(hold)


def _traffic(deploy: Deploy, before: Deploy | None, requests: int, failed: int) -> str:
    if requests:
        figures = {"failed": f"{failed:,}", "requests": f"{requests:,}"}
        counted = _("%(failed)s failed of %(requests)s requests") % figures
    else:
        counted = _("no requests during the switch")
    said = _("Switched traffic to %(release)s: %(counted)s") % {"release": deploy.release, "counted": counted}
    return said + (_(", old processes draining") if before else "")


def _say_how_to_reach(hold: Hold) -> None:
    """Print the form that works where the app's name does not resolve."""
    host, port = hold.config.app_host(hold.deploy.app.name), hold.config.ports.router
    address = "127.0.0.1" if hold.config.bind in ("localhost", "::1") else hold.config.bind
    hold.voice.body(_("%(host)s does not resolve on this machine; this works:") % {"host": host})
    if hold.config.tls_cert:
        hold.voice.body(f"curl --resolve {host}:{port}:{address} https://{host}:{port}/")
    else:
        hold.voice.body(f'curl -H "Host: {host}" http://{address}:{port}/')
