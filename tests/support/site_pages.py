"""Make the pages of docs/ a site: `python tests/support/site_pages.py [FOLDER]` (default: site).

A site has no other files of the repository: links to them become their paths first. What was built
must load nothing from elsewhere.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SETTINGS = "mkdocs.yml"
# A link in Markdown to a path: `[text](../action.yml)`; images and addresses are none.
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]\n]+)\]\((?P<path>[^)\s:#]+)(?P<anchor>#[^)\s]*)?\)")
FENCED = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)
# What a browser loads by itself: no link that a reader may follow.
LOADED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*?\bsrc=["']?(?P<src>(?:https?:)?//[^"'\s>]+)"""
    r"""|<link\b[^>]*?\brel=["']?(?:stylesheet|preload|preconnect|icon)["']?[^>]*?"""
    r"""\bhref=["']?(?P<href>(?:https?:)?//[^"'\s>]+)"""
    r"""|@import\s+(?:url\()?["']?(?P<css>(?:https?:)?//[^"')\s]+)""",
    re.IGNORECASE,
)


def main(arguments: list[str]) -> int:
    """Build strictly: a link that leads nowhere, or a page that is in no list, fails."""
    target = Path(arguments[0] if arguments else ROOT / "site").resolve()
    with tempfile.TemporaryDirectory(prefix="meshgate-site-") as folder:
        copy = Path(folder)
        shutil.copy(ROOT / SETTINGS, copy)
        shutil.copytree(ROOT / "docs", copy / "docs")
        for page in (copy / "docs").rglob("*.md"):
            text = page.read_text(encoding="utf-8")
            page.write_text(
                without_links_out(text, page.relative_to(copy / "docs").as_posix()),
                encoding="utf-8",
            )
        done = subprocess.run(
            ["zensical", "build", "--strict", "--clean"],
            cwd=copy, check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            print(done.stdout + done.stderr, file=sys.stderr)
            return done.returncode
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(copy / "site", target)
    elsewhere = loaded_from_elsewhere(target)
    print("\n".join(elsewhere) or f"{target}: nothing in it is loaded from elsewhere")
    return int(bool(elsewhere))


def without_links_out(markdown: str, page: str) -> str:
    """The text of a page of docs/, its links to what is not in docs/ as paths in the repository."""
    folder = posixpath.dirname(page)

    def replace(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join("docs", folder, link["path"]))
        if path.startswith("docs/"):
            return link[0]
        return link["text"] if path in link["text"] else f"{link['text']} (`{path}`)"

    parts = FENCED.split(markdown)
    return "".join(part if n % 2 else LINK.sub(replace, part) for n, part in enumerate(parts))


def loaded_from_elsewhere(folder: Path) -> list[str]:
    """What pages and styles of a site would load from another host."""
    return [
        f"{file.relative_to(folder)}: {next(filter(None, found.groups()))}"
        for file in sorted([*folder.rglob("*.html"), *folder.rglob("*.css")])
        for found in LOADED.finditer(file.read_text(encoding="utf-8"))
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
