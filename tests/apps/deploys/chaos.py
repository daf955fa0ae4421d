"""Run by test_chaos: workers that are killed and frozen while they take deploys from one SQLite file."""

import os
import random
import sys
import time
from datetime import timedelta

APPS, EACH, WORKERS, LEASE = 5, 6, 4, 0.6


def setup() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "controlplane.settings"
    import django
    from django.conf import settings

    django.setup()
    settings.MIGRATION_MODULES = {app.split(".")[-1]: None for app in settings.INSTALLED_APPS}


def fill() -> None:
    from django.core.management import call_command
    from django.utils import timezone

    from apps.accounts.models import Team
    from apps.applications.models import App
    from apps.builds.models import Build
    from apps.deploys.models import Deploy
    from apps.sources.models import Source

    call_command("migrate", run_syncdb=True, verbosity=0)
    team = Team.objects.create(name="harbour")
    later = timezone.now() + timedelta(hours=1)
    for number in range(APPS):
        app = App.objects.create(name=f"app-{number}x", team=team)
        source = Source.objects.create(app=app, sha256="0" * 64, size=1, origin="push")
        Build.objects.create(app=app, number=1, source=source, deadline=later, state="succeeded", image="i")
    for number in range(1, EACH + 1):
        for app in App.objects.all():
            Deploy.objects.create(app=app, number=number, kind="redeploy", deadline=later)


def work(seed: int) -> None:
    from apps.deploys.hold import Hold, read
    from apps.deploys.models import Deploy
    from apps.deploys.reconcile import leases
    from minato.errors import LostLease

    dice = random.Random(seed)
    while Deploy.objects.unfinished().exists():
        leases.deploys()
        for pk in list(Deploy.objects.in_turn().free().values_list("pk", flat=True)):
            fence = Deploy.objects.claim(pk, owner=str(seed), lease=LEASE)
            if fence is None:
                continue
            if dice.random() < 0.25:
                os._exit(9)
            if dice.random() < 0.15:
                time.sleep(LEASE * 1.5)  # frozen: another one has taken over when it thaws
            try:
                finish(Hold(deploy=read(pk), fence=fence))
            except LostLease:
                continue
        time.sleep(0.01)


def finish(hold) -> None:
    """The effect of a deploy is a Release; state and effect are one transaction."""
    from django.db import transaction

    from apps.builds.models import Build
    from apps.deploys.numbers import create_numbered
    from apps.releases.models import Release

    with transaction.atomic():
        hold.move("retired", lease_until=None, owner="")
        build = Build.objects.get(app_id=hold.deploy.app_id)
        create_numbered(Release, app_id=hold.deploy.app_id, build=build, image="i", description=str(hold.deploy))


def fork(seed: int) -> int:
    from django.db import connections

    connections.close_all()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work(seed)
            code = 0
        finally:
            os._exit(code)
    return pid


def main() -> int:
    setup()
    fill()
    seeds = iter(range(1, 10_000))
    running = {fork(next(seeds)) for _ in range(WORKERS)}
    kills = faults = 0
    while running:
        pid, status = os.wait()
        running.discard(pid)
        code = os.waitstatus_to_exitcode(status)
        if code == 9:
            kills += 1
            running.add(fork(next(seeds)))
        elif code:
            faults += 1
    return report(kills, faults)


def report(kills: int, faults: int) -> int:
    from apps.deploys.models import Deploy
    from apps.releases.models import Release

    told = list(Release.objects.order_by("app_id", "number").values_list("app_id", "description"))
    wanted = [(app, f"d{n}") for app in sorted({app for app, _ in told}) for n in range(1, EACH + 1)]
    states = set(Deploy.objects.values_list("state", flat=True))
    print(f"{len(told)} effects of {APPS * EACH}, {kills} kills, {faults} faults, states {states}")
    return 0 if told == wanted and states == {"retired"} and not faults and kills else 1


if __name__ == "__main__":
    sys.exit(main())
