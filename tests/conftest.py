"""The cast and the two kinds of Config: one of fakes, one of the running test platform."""

from __future__ import annotations

import os

import pytest

from minato.values.config import Config
from tests.environment import BEFORE


@pytest.fixture
def config() -> Config:
    """A Config whose outside is fakes."""
    return Config.from_env()


@pytest.fixture(scope="session")
def real() -> Config:
    """The Config of the engine that `make test` runs; without one the test is skipped, or fails in CI."""
    if "MINATO_TEST_SHELL" in BEFORE or "MINATO_TEST_RUN_JSON" in BEFORE:
        found = Config.from_env(BEFORE)
        if found.engine_socket.exists():
            return found
    if "MINATO_REQUIRE" in BEFORE:
        pytest.fail("no test engine runs")
    return pytest.skip("needs an engine: `make test`, or `python -m launch up --engine` in `make test-shell`")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """With MINATO_REQUIRE a skip is a failure: a green suite has run everything."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("MINATO_REQUIRE") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"


@pytest.fixture
def harbour(db):
    from apps.accounts.models import Team

    return Team.objects.create(name="harbour")


@pytest.fixture
def alice(db, harbour):
    """She owns `shop` with team harbour, as an admin."""
    from apps.accounts.models import Membership, User

    user = User.objects.create_user("alice", password="correct horse battery")
    Membership.objects.create(team=harbour, user=user, role="admin")
    return user


@pytest.fixture
def bob(db):
    """A stranger with a team of his own."""
    from apps.accounts.models import Membership, Team, User

    user = User.objects.create_user("bob", password="correct horse battery")
    Membership.objects.create(team=Team.objects.create(name="strangers"), user=user, role="admin")
    return user


@pytest.fixture
def carol(db):
    """She operates the platform."""
    from apps.accounts.models import Membership, Team, User

    user = User.objects.create_user("carol", password="correct horse battery", is_operator=True)
    Membership.objects.create(team=Team.objects.create(name="operators"), user=user, role="admin")
    return user


@pytest.fixture
def viewer(alice):
    """Alice, as she comes by API."""
    from apps.accounts.viewers import viewer_of

    return viewer_of(alice, via="api")


@pytest.fixture
def shop(alice, harbour, viewer):
    from apps.applications.actions import create_app

    return create_app(name="shop", team=harbour, viewer=viewer)
