"""The API's description is a file in the repository, and it is true."""

from __future__ import annotations

from django.core.management import call_command
from django.test import Client

from tests.apps.api.contract import FILE


def test_the_description_is_what_the_code_says(tmp_path):
    made = tmp_path / "openapi.yaml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(made))
    assert made.read_text() == FILE.read_text(), "run: manage.py spectacular --file docs/reference/openapi.yaml"


def test_the_description_is_served(db):
    served = Client().get("/api/schema/")
    assert served.status_code == 200
    assert b"".join(served.streaming_content) == FILE.read_bytes()
