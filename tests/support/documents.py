"""Markdown documents: their links, resolved as GitHub resolves them, and their blocks of code."""

import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

__all__ = ["broken_links", "documents_of", "torn_blocks"]

FENCED = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?^ {0,3}\1[`~]*$", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
HEADING = re.compile(r"^ {0,3}#{1,6} +(.*?)(?: +#+)? *$", re.MULTILINE)
LINK = re.compile(r"\]\((?:<([^>]*)>|([^)\s]*))[^)]*\)|^ {0,3}\[[^\]]+\]: +(\S+)", re.MULTILINE)
HTML_LINK = re.compile(r"""<[^>]*?\b(?:href|src)=["']([^"']*)["']""")
HTML_ANCHOR = re.compile(r"""<[^>]*?\b(?:id|name)=["']([^"']*)["']""")
TORN = re.compile(r"^(?![ >|]|[-*] |\d+\. |#)(\S.*)\n {4}\S", re.MULTILINE)
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def documents_of(repository: Path) -> list[Path]:
    """Every Markdown document, hidden folders and what a build makes left out."""
    entries = [
        entry
        for entry in repository.iterdir()
        if not entry.name.startswith(".") and entry.name not in {"build", "data", "dist"}
    ]
    below = [page for entry in entries if entry.is_dir() for page in entry.rglob("*.md")]
    return sorted([*(entry for entry in entries if entry.suffix == ".md"), *below])


def broken_links(page: Path, repository: Path) -> list[str]:
    """The targets of the page's links that do not exist in the repository; URLs are not checked.

    Checks relative paths, paths from the root of the repository, and anchors in Markdown pages.
    """
    text = CODE_SPAN.sub("", _without_blocks(page))
    markdown = ["".join(target) for target in LINK.findall(text)]
    targets = [*markdown, *HTML_LINK.findall(text)]
    return [target for target in targets if not _leads_somewhere(target, page, repository)]


def torn_blocks(page: Path) -> list[str]:
    """Lines of text on which an indented line follows at once.

    Markdown reads that line as more text, whatever its author meant: a block of code begins after
    an empty line, with all of its lines indented.
    """
    return TORN.findall(_without_blocks(page))


def _leads_somewhere(target: str, page: Path, repository: Path) -> bool:
    if SCHEME.match(target) or target.startswith("//"):
        return True
    path, _, anchor = unquote(target).partition("#")
    base = repository if path.startswith("/") else page.parent
    aim = (base / path.lstrip("/")).resolve() if path else page
    if not (aim.exists() and aim.is_relative_to(repository.resolve())):
        return False
    return not anchor or (aim.suffix == ".md" and anchor in _anchors_of(aim))


def _anchors_of(page: Path) -> set[str]:
    """GitHub numbers the second and later headings of one slug."""
    text = _without_blocks(page)
    anchors = {*HTML_ANCHOR.findall(CODE_SPAN.sub("", text))}
    found: Counter[str] = Counter()
    for heading in HEADING.findall(text):
        slug = _slug(heading)
        anchors.add(f"{slug}-{found[slug]}" if found[slug] else slug)
        found[slug] += 1
    return anchors


def _slug(heading: str) -> str:
    """The text of a heading in lower case, without punctuation, a hyphen for each space."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    # Underscores inside a word are text; around one they are emphasis.
    text = re.sub(r"(?<!\w)_+(\S.*?)_+(?!\w)", r"\1", text)
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def _without_blocks(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))
