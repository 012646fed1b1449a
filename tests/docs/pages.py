"""Markdown pages as a reader sees them: links, anchors, fenced blocks, tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
_PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """A fenced block: its language, its text, and the line that it begins on."""

    language: str
    text: str
    line: int


def pages() -> list[Path]:
    """Return every page that a reader of the repository can open."""
    everywhere = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("operator/*.md")]
    return sorted([*everywhere, *ROOT.glob("helm/**/*.md"), *ROOT.glob("e2e/**/*.md")])


def shown(page: Path) -> str:
    """Return a page's path as people write it."""
    return str(page.relative_to(ROOT))


def _tokens(page: Path) -> list[Token]:
    return _PARSER.parse(page.read_text(encoding="utf-8"))


def fences(page: Path) -> list[Fence]:
    """Return the fenced blocks of a page."""
    return [
        Fence(language=token.info.strip(), text=token.content, line=(token.map or [0])[0] + 1)
        for token in _tokens(page)
        if token.type == "fence"
    ]


def links(page: Path) -> Iterator[str]:
    """Yield where the links and images of a page lead."""
    for token in _tokens(page):
        for child in token.children or ():
            target = child.attrGet("href") or child.attrGet("src")
            if target:
                yield str(target)


def headings(page: Path) -> Iterator[str]:
    """Yield the headings of a page, without their markup."""
    tokens = _tokens(page)
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            yield "".join(c.content for c in inline.children or () if c.content)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    seen: dict[str, int] = {}
    found = set()
    for heading in headings(page):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        found.add(f"{slug}-{count}" if count else slug)
    return found


def broken_links(page: Path) -> list[str]:
    """Return the links of a page that lead nowhere in the repository; others are not followed."""
    return [link for link in links(page) if not _leads_somewhere(page, link)]


def _leads_somewhere(page: Path, link: str) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return parts.scheme == "https"
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_relative_to(ROOT) or not target.exists():
        return False
    return not parts.fragment or (target.suffix == ".md" and parts.fragment in anchors(target))


def rows(text: str) -> list[list[str]]:
    """Return the cells of the tables in a text, headers and rulers left out."""
    tables = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for table in tables
        for line in table.splitlines()[2:]
    ]


def section(page: Path, heading: str) -> str:
    """Return the text under a heading of the second level, up to the next one.

    Raises:
        IndexError: there is no such heading.
    """
    text = page.read_text(encoding="utf-8")
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def unknown_fields(value: Any, schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield the paths of a value's fields that a structural schema does not have."""
    match value:
        case dict() if "properties" in schema:
            for name, child in value.items():
                if name not in schema["properties"]:
                    yield f"{path}{name}"
                    continue
                yield from unknown_fields(child, schema["properties"][name], f"{path}{name}.")
        case list():
            for child in value:
                yield from unknown_fields(child, schema.get("items", {}), path)
        case _:
            pass
