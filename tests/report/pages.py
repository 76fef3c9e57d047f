"""An HTML page as its reader meets it: text, tags, links, and whether its tags are balanced."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "link", "input"}


@dataclass
class Page(HTMLParser):
    """`text`: what stands between tags, scripts and styles left out. `unbalanced`: closing tags
    that close nothing and, at the end of `of`, tags never closed."""

    text: str = ""
    tags: set[str] = field(default_factory=set)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []

    @classmethod
    def of(cls, html: str) -> Page:
        page = cls()
        page.feed(html)
        page.close()
        page.unbalanced += page._open
        return page

    def values(self, name: str, tag: str | None = None) -> list[str]:
        """Of one attribute, on all tags or those of one kind."""
        return [v for t, n, v in self.attributes if n == name and tag in (None, t)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()
        else:
            self.unbalanced.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._open):
            self.text += data if data.endswith("\n") else f"{data}\n"
