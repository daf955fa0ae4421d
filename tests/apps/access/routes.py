"""Every route, and the rule that it obeys. A route that is in no table fails the suite."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

# Needs no sign-in: nothing of anybody is behind it, or the address itself is the credential.
OPEN = {"login", "logout", "welcome/<str:secret>", "api/schema/"}

# Needs a sign-in, shows what is one's own.
SIGNED_IN = {
    "",
    "apps/new",
    "teams",
    "tokens",
    "audit",
    "api/v1/me",
    "api/v1/apps",
    "api/v1/teams",
    "api/v1/tokens",
    "api/v1/audit",
    "^api(?:/.*)?$",
}

# Has an object in it: a stranger gets what a name that never existed gets.
OBJECT = {
    "apps/<str:app>",
    "apps/<str:app>/activity",
    "apps/<str:app>/logs",
    "apps/<str:app>/deploys/<int:number>",
    "apps/<str:app>/deploys/<int:number>/cancel",
    "apps/<str:app>/config",
    "apps/<str:app>/settings",
    "apps/<str:app>/delete",
    "apps/<str:app>/scale",
    "apps/<str:app>/rollback/<int:number>",
    "apps/<str:app>/do/<str:act>",
    "teams/<str:team>",
    "api/v1/apps/<str:app>",
    "api/v1/apps/<str:app>/config",
    "api/v1/apps/<str:app>/processes",
    "api/v1/apps/<str:app>/logs",
    "api/v1/apps/<str:app>/domains",
    "api/v1/apps/<str:app>/domains/<str:host>",
    "api/v1/apps/<str:app>/builds",
    "api/v1/apps/<str:app>/builds/<int:number>",
    "api/v1/apps/<str:app>/releases",
    "api/v1/apps/<str:app>/releases/<int:number>",
    "api/v1/apps/<str:app>/releases/<int:number>/rollback",
    "api/v1/apps/<str:app>/deploys",
    "api/v1/apps/<str:app>/deploys/<int:number>",
    "api/v1/apps/<str:app>/deploys/<int:number>/cancel",
    "api/v1/teams/<str:team>",
    "api/v1/teams/<str:team>/members",
    "api/v1/teams/<str:team>/members/<str:user>",
    "api/v1/teams/<str:team>/invites",
    "api/v1/tokens/<str:token>",
}

PARAMETER = re.compile(r"<\w+:(\w+)>")


def all_routes() -> set[str]:
    """Return every route of the URL conf, spelled as there."""
    return set(_walk(get_resolver().url_patterns, ""))


def _walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[str]:
    for pattern in patterns:
        here = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, here)
        else:
            yield here


def fill(route: str, values: dict[str, str]) -> str:
    """Return the address of a route with its objects' names. Raises KeyError for one that has no value."""
    return "/" + PARAMETER.sub(lambda match: values[match[1]], route)
