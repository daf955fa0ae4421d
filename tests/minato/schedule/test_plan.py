"""What should run against what runs."""

from minato.schedule.plan import Start, Stop, orphans, plan, stray_containers
from minato.values.engine import Instance, Limits, Service, Workload


def workload(name: str, replicas: int = 1) -> Workload:
    return Workload(
        name=name, image="i", command=("x",), env={}, labels={}, replicas=replicas, limits=Limits(memory=1, cpu=1)
    )


def service(name: str, replicas: int = 1, **labels: str) -> Service:
    return Service(
        name=name, labels={f"minato.{key}": value for key, value in labels.items()}, replicas=replicas, image="i"
    )


def container(name: str, **labels: str) -> Instance:
    return Instance(
        container=name, name=name, labels={f"minato.{key}": value for key, value in labels.items()}, state="running"
    )


def test_equal_needs_no_step():
    assert plan([workload("a", 2)], [service("a", 2)]) == []


def test_starts_come_before_stops():
    assert plan([workload("new")], [service("old")]) == [Start(workload("new")), Stop("old")]


def test_other_replicas_are_a_start():
    assert plan([workload("a", 3)], [service("a", 1)]) == [Start(workload("a", 3))]


def test_services_of_deploys_that_are_over_are_orphans():
    running = [service("a", app="a_1", deploy="1"), service("b", app="a_1", deploy="2"), service("c")]
    assert orphans(running, alive={("a_1", 2)}) == ["a", "c"]


def test_containers_of_older_fences_and_ended_builds_are_strays():
    found = [
        container("old", build="b_1", fence="1"),
        container("now", build="b_1", fence="2"),
        container("ended", build="b_2", fence="1"),
        container("web", process="web", app="a_1", deploy="1"),
        container("phase", process="release", app="a_1", deploy="3"),
        container("lost-phase", process="release", app="a_1", deploy="2"),
        container("platform"),
    ]
    assert stray_containers(found, builds={"b_1": 2}, deploys={("a_1", 3)}) == ["old", "ended", "lost-phase"]
