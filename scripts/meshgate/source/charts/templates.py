"""The line of a template, or of a file of values, that a value of a rendered object comes from.

Helm says which template a document comes from, and no more. The line is told by laying the lines of
the document beside those of the template: a line that starts with the same key is the same line.
Where that line writes one value of `.Values`, and a file of values says just what was rendered, the
place to edit is there.
"""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Iterator, Sequence

from meshgate.errors import BuildError
from meshgate.model import JSON, JSONObject, Origin, Position
from meshgate.source.charts.files import ChartFiles
from meshgate.source.load import parsed
from meshgate.yamldoc.nodes import Reader
from meshgate.yamldoc.positions import SourceFile, SourceFiles, exists

Path = Sequence[str | int]

KEY = re.compile(r"""(?:-\s+)*(["']?[\w./-]+["']?):(?:\s|$)""")
VALUE = re.compile(r"\.Values((?:\.\w+)+)")
CONTROL_LINE = re.compile(r"\s*(?:\{\{[^{}]*\}\}\s*)+")
PART = re.compile(r"^---\s*$", re.MULTILINE)
VALUES_FILE = "values.yaml"
GLOBAL = "global"
# Beyond it lines are not laid side by side: the time grows with the product.
MOST_LINES = 3000


class Template:
    """One rendered document and the template that it comes from."""

    def __init__(self, files: ChartFiles, source: str, text: str) -> None:
        self.file = files.template(source)
        self.text = text
        self._files = files
        self._source = source
        content = files.files.get(self.file, b"")
        self._is_archive = not self.file.endswith((".yaml", ".yml", ".tpl", ".txt", ".json"))
        self._template = "" if self._is_archive else content.decode("utf-8", "replace")

    def position(self, value: JSONObject, path: Path, files: SourceFiles) -> Position:
        """Where to edit what stands at a path of the object; of the nearest one above it."""
        parts = list(path)
        while parts and not exists(value, parts):
            parts.pop()
        line = self.line_of(self._rendered.position(0, parts).line)
        return self._in_values(value, parts, line, files) or self.at(line)

    def at(self, line: int) -> Position:
        """The place where a line of the template begins to say something."""
        lines = self._template.splitlines()
        text = lines[line - 1] if line <= len(lines) else ""
        return Position(self.file, line, len(text) - len(text.lstrip()) + 1)

    def line_of(self, rendered: int) -> int:
        """The line of the template that a line of the document comes from, or the one before."""
        lines = self._lines
        while rendered > 0 and rendered not in lines:
            rendered -= 1
        return lines.get(rendered, 1)

    @functools.cached_property
    def _rendered(self) -> SourceFile:
        return SourceFile(self.file, self.text.encode("utf-8", "surrogatepass"))

    @functools.cached_property
    def _part(self) -> tuple[int, list[str]]:
        """The lines before the part of the template that this document is most like, and it."""
        rendered = {line.strip() for line in self.text.splitlines()} - {""}
        best: tuple[int, list[str]] = (0, self._template.splitlines())
        most = -1
        start = 0
        for part in PART.split(self._template):
            lines = part.splitlines()
            alike = len(rendered & {line.strip() for line in lines})
            if alike > most:
                most, best = alike, (start, lines)
            start += part.count("\n")
        return best

    @functools.cached_property
    def _lines(self) -> dict[int, int]:
        """By the line of the document, from 1, that of the template."""
        before, template = self._part
        rendered = self.text.splitlines()
        if not template or max(len(template), len(rendered)) > MOST_LINES:
            return {}
        left = [_key(line) for line in rendered]
        right = [_key(line) for line in template]
        import difflib  # noqa: PLC0415 - most objects are of no template

        blocks = difflib.SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks()
        return {
            block.a + at + 1: before + block.b + at + 1
            for block in blocks
            for at in range(block.size)
            if left[block.a + at]
        }

    def _in_values(
        self, value: JSONObject, path: Path, line: int, files: SourceFiles
    ) -> Position | None:
        """The place in a file of values, where it can be told."""
        before, template = self._part
        at = line - before - 1
        own = VALUE.findall(template[at]) if 0 <= at < len(template) else []
        if len(set(own)) == 1 and not isinstance(leaf := _at(value, path), dict | list):
            for file, key in self._places(own[0]):
                found = _values(self._files, file, key)
                if isinstance(found, dict | list):
                    break
                if found is not None:
                    same = _text(found) == _text(leaf)
                    return files.position(Origin(file), key) if same else None
        every = dict.fromkeys(VALUE.findall("\n".join(template)))
        for depth in range(len(path), 0, -1):
            part = _at(value, path[:depth])
            if not isinstance(part, dict | list) or not part:
                continue
            for name in every:
                for file, key in self._places(name):
                    if _values(self._files, file, key) == part:
                        return files.position(Origin(file), [*key, *path[depth:]])
        return None

    def _places(self, name: str) -> Iterator[tuple[str, list[str]]]:
        """Where a value of a template can be given, the one that counts first."""
        key = name.strip(".").split(".")
        charts = self._source.split("/charts/")[1:]
        nested = [part.partition("/")[0] for part in charts]
        outer = key if key[0] == GLOBAL else [*nested, *key]
        for file in reversed(list(self._files.values)):
            yield file, outer
        for depth in range(len(nested) + 1):
            inside = key if key[0] == GLOBAL else [*nested[depth:], *key]
            folder = self._files.folders.get(
                "/charts/".join([self._files.name, *nested[:depth]]), ""
            )
            name_of = posixpath.join(folder, VALUES_FILE)
            if name_of in self._files.files:
                yield name_of, inside


class TemplateOrigin(Origin):
    """The origin of an object of a chart, which knows the template."""

    template: Template

    @classmethod
    def of(cls, template: Template) -> TemplateOrigin:
        """The origin of the document that a template gave."""
        origin = cls(template.file)
        origin.template = template
        return origin


def _key(line: str) -> str:
    """What two lines that are the same line begin with; empty: nothing that tells."""
    stripped = line.strip()
    if not stripped or stripped.startswith("#") or CONTROL_LINE.fullmatch(line):
        return ""
    matched = KEY.match(stripped)
    return f"{matched[1].strip(chr(34) + chr(39))}:" if matched else stripped


def _values(files: ChartFiles, file: str, key: Sequence[str]) -> JSON:
    """What a file of values says at a key; None where it says nothing."""
    content = files.values.get(file, files.files.get(file, b""))
    try:
        documents = parsed(content, file, Reader.API_SERVER)
    except BuildError:
        return None
    value = documents[0].value if documents else None
    return _at(value, key) if exists(value, key) else None


def _at(value: JSON, path: Path) -> JSON:
    for part in path:
        value = value[part]
    return value


def _text(value: JSON) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
