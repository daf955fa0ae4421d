"""Docs that lie fail here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("lock", ["run", "test"])
def test_every_dependency_has_its_reason(lock: str):
    names = re.findall(r"^([a-z][\w.-]*)", (ROOT / f"requirements/{lock}.in").read_text(), re.M)
    told = (ROOT / "docs/dependencies.md").read_text()
    assert [name for name in names if f"| {name} |" not in told] == []


@pytest.mark.parametrize("page", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path):
    targets = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in targets if not (page.parent / link).exists()] == []


def test_every_make_target_that_a_page_names_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {name for page in DOCS for name in re.findall(r"`make ([a-z-]+)", page.read_text())}
    assert named - targets == set()


def test_every_decision_is_listed():
    index = (ROOT / "docs/decisions/README.md").read_text()
    assert [page.name for page in (ROOT / "docs/decisions").glob("0*.md") if page.name not in index] == []


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "THREAT_MODEL.md", "CONTRIBUTING.md", "README.md"])
def test_every_file_that_a_page_names_in_code_exists(name: str):
    page = (ROOT / name).read_text()
    named = re.findall(r"`((?:platform|apps|docs|tests|requirements)/[\w/.-]+\.\w+)`", page)
    never = {"platform/__init__.py"}  # the trap that the page warns of
    assert [name for name in named if name not in never and not (ROOT / name).exists()] == []
