"""The pages that the router answers by itself: one HTML and one plain form of each, small and self-contained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Page:
    """What a visitor reads: a heading, one sentence, and what next."""

    status: int
    title: str
    says: str
    then: str


OWNER = "If it is your app, its log tells why: open the app in Minato, Logs."
PAGES: Mapping[str, Page] = {
    "unknown": Page(
        404,
        "There is no app here",
        "Nothing is served at this address.",
        "Check the address; a new app answers after its first push.",
    ),
    "H10": Page(
        503,
        "The app does not answer",
        "No instance of this app is ready: it has crashed, or it is just starting.",
        OWNER,
    ),
    "H12": Page(
        504, "The app is too slow", "The app sent nothing for 30 seconds, so this request was given up.", OWNER
    ),
    "H13": Page(502, "The app broke off", "The app closed the connection without an answer.", OWNER),
    "H14": Page(
        503,
        "The app has no web process",
        "No web process of this app is running.",
        "If it is your app, start one: minato ps:scale web=1",
    ),
    "H21": Page(
        503, "The app refused the connection", "An instance of this app is there but takes no connection.", OWNER
    ),
    "H80": Page(503, "Down for maintenance", "The owners of this app are working on it.", "Come back in a while."),
    "H99": Page(
        503,
        "The platform has a fault",
        "It is not this app's fault: the platform could not serve it.",
        "The operators can see it; try again in a minute.",
    ),
}

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:15vh auto 0;max-width:34rem;padding:0 1.5rem}"
    "body{color:#1b2733;background:#f7f8f9}"
    "h1{font-size:1.5rem;margin:0 0 .5rem}p{margin:.25rem 0}small{color:#5b6773}"
    "@media(prefers-color-scheme:dark){body{color:#e6ebef;background:#12181e}small{color:#94a1ad}}"
)


def html(code: str, page: Page) -> str:
    """Return a whole document on one line, because a map's value is one line."""
    shown = "" if code == "unknown" else f" · {code}"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(page.title)}</title><style>{STYLE}</style><h1>{escape(page.title)}</h1>"
        f"<p>{escape(page.says)}</p><p>{escape(page.then)}</p><p><small>{page.status}{shown}</small></p></html>"
    )


def text(code: str, page: Page) -> str:
    """Return the line for a client that does not ask for HTML."""
    shown = "" if code == "unknown" else f"{code}: "
    return f"{shown}{page.title}. {page.says} {page.then}"


def table() -> dict[str, str]:
    """Return the content of pages.map: `<code>:<html|text>` to the page."""
    forms = {"html": html, "text": text}
    return {f"{code}:{form}": write(code, page) for code, page in PAGES.items() for form, write in forms.items()}
