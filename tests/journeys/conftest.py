"""A person's view of the running test platform: an API client, a git client, a browserless visitor."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from person import Person, Platform


@pytest.fixture(scope="session")
def platform() -> Platform:
    """The platform that `launch.testing` started, as its run.json tells."""
    path = os.environ.get("MINATO_TEST_RUN_JSON", "")
    if not path:
        if os.environ.get("MINATO_REQUIRE"):
            pytest.fail("no test platform runs: MINATO_TEST_RUN_JSON is not set")
        pytest.skip("needs a test platform: make test, or make test-shell")
    return Platform(json.loads(Path(path).read_text()))


@pytest.fixture
def person(platform: Platform, tmp_path: Path, request) -> Person:
    """Somebody with a token, an empty HOME and a fresh folder; what they created is deleted in the end."""
    somebody = Person(platform, tmp_path)
    yield somebody
    if not getattr(request.node, "failed", False):
        somebody.leave()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call" and outcome.get_result().failed:
        item.failed = True
