"""The frame of each page, and the headers that keep a browser from doing anything else."""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from typing import Final

from worker.explaining.page.html import Html, join, tag

__all__ = ["HEADERS", "document"]

STYLE: Final = (files(__package__) / "style.css").read_text(encoding="utf-8")
SCRIPT: Final = (files(__package__) / "live.js").read_text(encoding="utf-8")
WITHOUT_SCRIPTS: Final = "Reload the page to see what has changed."


def _hash_of(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


HEADERS: Final = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            f"style-src {_hash_of(STYLE)}",
            f"script-src {_hash_of(SCRIPT)}",
            "connect-src 'self'",
            "img-src data:",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "activation-worker",
}
"""Text of others is escaped; if it were not, the browser would still run and load none of it."""


def document(title: str, *content: Html, searched: str = "") -> str:
    """A whole page; `searched` stands in the search field."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="robots", content="noindex"),
        # Otherwise the browser asks for /favicon.ico.
        tag("link", rel="icon", href="data:,"),
        tag("title", f"{title} · activation worker"),
        tag("style", Html(STYLE)),
    )
    home = tag("a", "Activation worker", href="/", class_="home")
    body = tag(
        "body",
        tag("header", tag("div", home, _search(searched)), class_="bar"),
        tag("main", *content),
        tag("footer", tag("span", WITHOUT_SCRIPTS, id="live")),
        tag("script", Html(SCRIPT)),
    )
    return join((Html("<!doctype html>"), tag("html", head, body, lang="en")))


def _search(searched: str) -> Html:
    field = tag(
        "input",
        type="search",
        name="number",
        value=searched,
        placeholder="+442079460000",
        aria_label="Phone number",
        autocomplete="off",
        inputmode="tel",
        required=True,
    )
    button = tag("button", "Look up", type="submit")
    return tag("form", field, button, action="/numbers", role="search")
