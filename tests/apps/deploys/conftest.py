"""A small harbour: fakes outside, an agent that reports whenever somebody waits, and workers that run when told."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest
from django.utils import timezone

from minato.drivers.streams.fake import FakeStreams
from minato.drivers.wiring import drivers
from minato.errors import UserError
from minato.observe.story import printed
from minato.values.build import BuildResult, Phase
from minato.values.config import Times
from minato.values.router import Observed, RouterState, ServerSeen, SlotCounts
from minato.values.source import RefChange, SourceBlob

FAST = Times(lease=30, heartbeat=60, start=5, switch=1, prove=1, drain=30, settle=0, cancel=0.5, release_phase=5)
ZERO = "0" * 40


class TidalStreams(FakeStreams):
    """Whoever waits lets the agent report first."""

    def __init__(self) -> None:
        super().__init__()
        self.tick = lambda: None

    def wait(self, channel: str, *, timeout: float) -> bool:
        self.tick()
        time.sleep(0.002)
        return True


@dataclass
class Builder:
    """Stands for `minato.build`: what a build of a source leaves is a knob."""

    processes: dict[str, str] = field(default_factory=lambda: {"web": "gunicorn app:app"})
    error: Exception | None = None
    after: Exception | None = None  # raised by the clean-up
    during: object = None
    plans: list = field(default_factory=list)

    def run(self, plan, *, say, phase, stop, made, **outside) -> BuildResult:
        self.plans.append(plan)
        say("head", f"Building with builder {plan.stack.name}@{plan.stack.builder.partition('@')[2][:11]}…")
        say("head", "Python 3.13 app detected (requirements.txt)")
        say("body", "Collecting flask")
        if self.during:
            self.during(plan, stop)
        if self.error:
            raise self.error
        phase(Phase(name="build", seconds=0.5, exit_code=0))
        digest = "sha256:" + hashlib.sha256(plan.tag.encode()).hexdigest()
        say("head", "Discovering process types")
        say("body", f"Procfile declares types -> {', '.join(self.processes)}")
        say("head", f"Build succeeded in 1.4s (image {digest[:11]}…, 3 layers reused)")
        done = BuildResult(
            image=f"{plan.repository}@{digest}",
            digest=digest,
            processes=dict(self.processes),
            phases=(),
            reused_layers=3,
            size=1000,
            buildpacks=("minato/python@1", "minato/procfile@1"),
        )
        made(done)
        if self.after:
            raise self.after
        return done


class World:
    """The cast's platform: `push` and friends act, `work` lets the workers run, `told` is what a pusher reads."""

    def __init__(self, config, viewer, builder: Builder) -> None:
        self.config = config
        self.viewer = viewer
        self.builder = builder
        self.outside = drivers(config)
        self.streams = self.outside.__dict__["streams"] = TidalStreams()
        self.streams.tick = self.tick
        self.engine = self.outside.engine
        self.engine.ns = config.ns
        self.generation = 0
        self.router = True  # applies what it is told
        self.away = False  # the agent reports nothing
        self.binds = True  # web instances answer
        self.check = "L4CON"
        self.counts: dict[int, list[int]] = {}
        self.traffic = 0  # requests per report, to whoever holds the hosts
        self.state = RouterState(generation=0, hosts={})
        self.commits = 0

    # -- the agent --------------------------------------------------------------------------------------------------
    def tick(self) -> None:
        from apps.deploys import nodes

        if self.away or self.engine.is_away:
            return
        newer = nodes.desired("n1", self.generation)
        if newer is not None and self.router:
            self.state, self.generation = newer, newer.generation
        for number in set(self.state.hosts.values()):
            self.counts.setdefault(number, [0, 0])[0] += self.traffic
        nodes.observe("n1", self.report())

    def report(self) -> Observed:
        seen = self.engine.instances({"minato.ns": self.config.ns})
        servers = [
            ServerSeen(
                slot=slot.number,
                container=one.container,
                address=one.address,
                check="L7OK" if self.binds else self.check,
                ready=self.binds,
            )
            for slot in self.state.slots
            for one in seen
            if one.labels.get("minato.service") == slot.service and one.state == "running"
        ]
        counts = [
            SlotCounts(slot=slot.number, requests=n, failed=f, errors_5xx=0, sessions=0)
            for slot in self.state.slots
            for n, f in [self.counts.get(slot.number, [0, 0])]
        ]
        return Observed(
            node="n1",
            generation=self.generation,
            instances=tuple(vars(one) for one in seen),
            servers=tuple(servers),
            counts=tuple(counts),
        )

    # -- people -----------------------------------------------------------------------------------------------------
    def commit(self) -> str:
        self.commits += 1
        return hashlib.sha1(str(self.commits).encode()).hexdigest()

    def push(self, app, *, old: str = ZERO, new: str = "", ref: str = "refs/heads/main"):
        from apps.deploys import actions

        new = new or self.commit()
        blob = SourceBlob(sha256=hashlib.sha256(new.encode()).hexdigest(), size=100, entries=3)
        change = RefChange(old=old, new=new, ref=ref)
        return actions.push(app=app, source=blob, change=change, viewer=self.viewer)

    def live(self, app, **processes: int):
        """Push and work; with quantities, scale then."""
        deploy = self.push(app)
        self.work()
        deploy.refresh_from_db()
        assert deploy.code == ""
        return self.live_again(app, **processes) if processes else deploy

    def live_again(self, app, **processes: int):
        """Scale, and work."""
        from apps.deploys import actions

        changes = [(kind, f"={quantity}", None) for kind, quantity in processes.items()]
        deploy = actions.scale(app=app, changes=changes, viewer=self.viewer)
        self.work()
        deploy.refresh_from_db()
        assert deploy.code == ""
        return deploy

    def push_on(self, app):
        """Push on top of the newest push that was live."""
        live = app.deploys.filter(kind="push", live_at__isnull=False)
        return self.push(app, old=live.order_by("live_at").last().source.commit)

    # -- workers ----------------------------------------------------------------------------------------------------
    def work(self) -> None:
        """Run every build and deploy that can be run, until nothing moves."""
        from apps.builds.models import Build
        from apps.deploys.building import run_build
        from apps.deploys.models import Deploy
        from apps.deploys.pipeline import run_deploy

        def rows():
            return list(Deploy.objects.values_list("pk", "state", "fence")), list(
                Build.objects.values_list("pk", "state")
            )

        before = None
        while before != rows():
            before = rows()
            for pk in Build.objects.filter(state="queued", deploys__state="building").values_list("pk", flat=True):
                run_build(pk)
            for pk in Deploy.objects.in_turn().values_list("pk", flat=True):
                deploy = Deploy.objects.select_related("build").get(pk=pk)
                if deploy.state != "building" or deploy.build.state not in ("queued", "running"):
                    run_deploy(pk)

    def reach(self, app, state: str):
        """Push, and let the deploy come as far as `state`; return a Hold of it there."""
        return self.reach_with(self.push(app), state)

    def reach_with(self, deploy, state: str):
        from apps.deploys.building import run_build
        from apps.deploys.hold import claim

        hold = claim(deploy.pk)
        while hold.deploy.state != state:
            if hold.deploy.state == "building":
                run_build(hold.deploy.build_id)
            assert self.advance(hold), hold.deploy.state
            hold.look()
        return hold

    def advance(self, hold) -> bool:
        from apps.deploys.pipeline import advance

        return advance(hold.deploy, hold.fence, hold)

    def reconcile(self, turn: int = 0) -> None:
        from apps.deploys.reconcile import reconcile

        reconcile(turn)

    # -- what is seen -----------------------------------------------------------------------------------------------
    def told(self, deploy) -> list[str]:
        """Return the transcript as the pusher reads it, the build's lines spliced in, without the figures' noise."""
        lines = []
        for _id, fields in self.streams.read(f"deploy:{deploy.uid}", limit=10_000):
            if fields["k"] == "build":
                lines += [printed(inner) for _, inner in self.streams.read(f"build:{fields['t']}", limit=10_000)]
            else:
                lines.append(printed(fields))
        return [line for line in lines if line]

    def end(self, deploy) -> dict[str, str]:
        last = self.streams.read(f"deploy:{deploy.uid}", limit=10_000)[-1][1]
        assert last["k"] == "end"
        return last

    def services(self, app) -> dict[str, int]:
        return {one.name: one.replicas for one in self.engine.services({"minato.app": app.uid})}

    def row(self, deploy):
        deploy.refresh_from_db()
        return deploy

    def hosts(self) -> dict[str, int]:
        from apps.routes.models import RouterGeneration

        return RouterGeneration.objects.order_by("-number").first().state["hosts"]

    def closed(self) -> dict[str, str]:
        from apps.routes.models import RouterGeneration

        return RouterGeneration.objects.order_by("-number").first().state["closed"]


@pytest.fixture
def builder(monkeypatch) -> Builder:
    from apps.deploys import building

    fake = Builder()
    monkeypatch.setattr(building, "builder", SimpleNamespace(run=fake.run))
    return fake


@pytest.fixture
def settle(settings):
    """A config with short deadlines."""
    drivers.cache_clear()
    settings.MINATO = replace(settings.MINATO, times=FAST)
    yield settings.MINATO
    drivers.cache_clear()


@pytest.fixture
def times(settle, settings):
    """Change one deadline: `times(start=0.2)`."""

    def change(**seconds: float) -> None:
        world = drivers(settings.MINATO)
        settings.MINATO = replace(settings.MINATO, times=replace(settings.MINATO.times, **seconds))
        drivers(settings.MINATO).__dict__.update(world.__dict__ | {"config": settings.MINATO})

    return change


@pytest.fixture
def world(settle, builder, viewer, shop) -> World:
    from apps.instances.models import Node
    from apps.stacks.models import Stack

    Node.objects.create(name="n1", token_sha256="0" * 64, observed_at=timezone.now())
    digest = "sha256:" + "1f3c" * 16
    Stack.objects.create(
        name="minato/trixie", builder=f"r/builder@{digest}", run=f"r/run@{digest}", run_name="r/run:3.13"
    )
    return World(settle, viewer, builder)


@pytest.fixture
def user_error() -> UserError:
    return UserError(
        code="build:user:no-buildpack", message="None of 3 buildpacks recognised this source.", hint="Add a Procfile."
    )
