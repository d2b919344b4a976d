"""Web pages saved as .html: a row per paragraph, heading or list item, through lxml; scripts and styles are no text."""

from __future__ import annotations

from typing import Any

from workbench.core.text import Text
from workbench.data.table import READERS, Reader, Source, Table, paragraphs_table

BLOCKS = frozenset(
    [
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "li",
        "td",
        "th",
        "dt",
        "dd",
        "pre",
        "blockquote",
        "div",
        "section",
        "article",
        "body",
    ]
)
SILENT = frozenset(["script", "style", "noscript", "template", "head", "svg"])


@READERS.add
class Html(Reader):
    """Text of a page."""

    kind = "html"
    label = Text("HTML", "HTML")
    order = 23
    extensions = (".html", ".htm")

    def claims(self, source: Source) -> bool:
        """Named so; a page under another name is most likely an error page, and refused before."""
        return source.suffix in self.extensions and "<" in source.text

    def read(self, source: Source) -> Table:
        """A row per block of text, with its line."""
        from lxml import etree, html

        try:
            root = html.document_fromstring(
                source.text.encode(), parser=html.HTMLParser(encoding="utf-8", no_network=True)
            )
        except (etree.LxmlError, ValueError) as error:
            raise source.error("there is no text in this page.", "网页中没有文字。") from error
        found: list[tuple[int, list[str]]] = [(1, [])]
        _walk(root, found)
        return paragraphs_table(source, [(line, " ".join("".join(parts).split())) for line, parts in found], self.kind)


def _walk(node: Any, found: list[tuple[int, list[str]]]) -> None:
    if not isinstance(node.tag, str) or node.tag in SILENT:
        return
    block = node.tag in BLOCKS
    if block:
        found.append((node.sourceline or 1, []))
    found[-1][1].append(node.text or "")
    for child in node:
        _walk(child, found)
        if isinstance(child.tag, str) and child.tag in BLOCKS:
            found.append((child.sourceline or 1, []))
        found[-1][1].append(child.tail or "")
