"""A page as a forge renders its Markdown, and text as an attacker may choose it."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import strategies as st
from markdown_it import MarkdownIt

from report_samples import HOSTILE

# Everything, lone surrogates included; and what is dangerous, joined in any order.
ANY = st.text(st.characters(exclude_categories=()), max_size=40)


SIGNS = st.sampled_from(
    [
        *"`|@#!$%~^&*_[]()<>\\/:;,=\"'{}-+\n\r\t \x1b\x00\u202e\u200b\u2028\ud800é日a1",
        *("::", "##[", "##vso[", "```", "~~~", "<!--", "-->", "]]>", "</details>", "<td>", "GH-1"),
        *("www.", "http://", "%0A", "&amp;", "&#64;", "](x)", "![", "\\|", "1. ", "    ", "]: x"),
    ]
)


TEXT = st.one_of(ANY, st.lists(SIGNS, max_size=12).map("".join), st.sampled_from(HOSTILE))


class Page(HTMLParser):
    """The tags of a page, and its text outside code."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[str] = []
        self.words = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.words += "\n" * (tag == "br")
        self.attributes += [name for name, _ in attrs if name not in {"class", "style"}]

    def handle_data(self, data: str) -> None:
        self.words += data


def rendered(text: str) -> str:
    # HTML on, as forges have it: what is not escaped would become a tag.
    return str(
        MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)
    )
