"""Which names people may give: apps, teams, users, branches, paths and hosts."""

from __future__ import annotations

import re

APP = re.compile(r"[a-z][a-z0-9-]{1,28}[a-z0-9]")
USER = re.compile(r"[a-z][a-z0-9._-]{1,29}")
BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
CHECK_PATH = re.compile(r"/[A-Za-z0-9._~/=&?-]{0,199}")
HOST = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")

# What the platform, its pages, its host names or the DNS of a company may mean by themselves.
RESERVED_WORDS = """
about account accounts activity admin agent api app apps assets audit auth autoconfig autodiscover billing
blog builder cdn console control controlplane dashboard deploy deploys dev dns docs doctor domain domains
events example ftp git gateway health healthz help home host imap internal invite localhost login logout logs
mail metrics minato mta-sts mx new news node nodes none ns ns1 ns2 null operator operators ops ping platform
pop postmaster private public registry root router schema security settings setup smtp ssh static stats status
support system team teams telemetry test token tokens undefined uploads user users webmaster welcome well-
known wpad www
"""
RESERVED = frozenset(RESERVED_WORDS.split())


def app_name_fault(name: str) -> str:
    """Return what is wrong with an app's or team's name: "grammar", "reserved" or ""."""
    if not APP.fullmatch(name):
        return "grammar"
    return "reserved" if name in RESERVED else ""


def is_user_name(name: str) -> bool:
    """Say whether somebody may be called so: not as the platform in the audit log, and not like a public id."""
    return USER.fullmatch(name) is not None and name not in RESERVED and not name.startswith("u_")


def is_branch(name: str) -> bool:
    """Say whether `name` is a branch that may deploy: git's rules and no surprise in a path."""
    odd = any(part in name for part in ("..", "//", "@{", "/."))
    return BRANCH.fullmatch(name) is not None and not odd and not name.endswith((".lock", "/", "."))


def is_check_path(path: str) -> bool:
    return CHECK_PATH.fullmatch(path) is not None


def is_host(name: str) -> bool:
    """Say whether `name` is a lower-case DNS name of two labels or more."""
    return HOST.fullmatch(name) is not None
