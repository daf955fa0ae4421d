"""Every answer that a test sees is held against docs/reference/openapi.yaml."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from jsonschema import Draft202012Validator

FILE = Path(__file__).resolve().parents[3] / "docs/reference/openapi.yaml"


@functools.cache
def document() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text())


@functools.cache
def _paths() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path) for path in document()["paths"]]


def check(method: str, path: str, answer: Any) -> None:
    """Fail unless status, type and body are what the description says; a path it does not know must be a problem."""
    known = [name for pattern, name in _paths() if pattern.fullmatch(urlsplit(path).path)]
    operation = document()["paths"][known[0]].get(method.lower()) if known else None
    responses = (operation or {}).get("responses", {})
    schema = _schema(responses.get(str(answer.status_code)), answer)
    if schema is None:
        assert answer.status_code == 204 and "204" in responses and not answer.content
        return
    errors = list(Draft202012Validator({**schema, "components": document()["components"]}).iter_errors(answer.json()))
    assert errors == [], f"{method} {path}: {errors[0].message} at {list(errors[0].absolute_path)}"


def _schema(response: dict[str, Any] | None, answer: Any) -> dict[str, Any] | None:
    if response is None:
        assert answer.status_code >= 400, f"{answer.status_code} is not described"
        assert answer["Content-Type"] == "application/problem+json"
        return {"$ref": "#/components/schemas/Problem"}
    content = response.get("content", {}).get("application/json")
    return content["schema"] if content else None
