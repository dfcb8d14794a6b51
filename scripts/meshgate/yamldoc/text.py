"""From bytes to text, and from text to the pieces that can be parsed one by one."""

from __future__ import annotations

import codecs
import itertools
import json
import re
from collections.abc import Iterator

from msgspec import Struct

from meshgate.errors import BuildError

UTF_16_OR_32 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
# Within YAML a line that starts with `---` starts a document, whatever stands around it.
DOCUMENT_START = re.compile(r"\n(?=---(?:\s|\Z))")
# A file with directives or `...` is parsed as a whole.
WHOLE = re.compile(r"^(?:%|\.\.\.)", re.MULTILINE)
NOTHING = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?(?:\n|\Z))*")


class Piece(Struct, frozen=True):
    """A part of a file that is parsed by itself: mostly one document."""

    text: str
    line: int  # lines of the file before it


def decoded(content: bytes, name: str) -> str:
    """The text of a YAML file: UTF-8, with or without a byte order mark. Raises BuildError."""
    if is_wide_text(content):
        raise BuildError(
            f"{name} is UTF-16 or UTF-32",
            why="The API server reads UTF-8.",
            hint="save it as UTF-8: iconv -f UTF-16 -t UTF-8",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BuildError(
            f"{name} is not UTF-8 text: byte {error.start} is 0x{content[error.start]:02x}",
            hint="binary files are no manifests; text must be saved as UTF-8",
        ) from error
    if "\0" in text:
        raise BuildError(f"{name} holds a NUL character: it is no text file")
    return text


def is_wide_text(content: bytes) -> bool:
    """Whether this is text in UTF-16 or UTF-32, with or without a byte order mark.

    A binary file may begin as such a text does: with zeros among its first bytes, or with bytes
    that are a mark. What they would spell is no text then.
    """
    if not content.startswith(UTF_16_OR_32) and b"\0" not in content[:4]:
        return False
    try:
        # By the mark, or by where the zeros of the first characters are (RFC 4627, section 3).
        text = content.decode(json.detect_encoding(content))
    except UnicodeDecodeError:
        return False
    return all(each.isprintable() or each.isspace() for each in text)


def pieces(text: str) -> list[Piece]:
    """The text cut at its document starts, comments before the first one left out."""
    if WHOLE.search(text):
        return [Piece(text, 0)]
    parts = []
    line = 0
    for part in DOCUMENT_START.split(text):
        parts.append(Piece(part, line))
        line += part.count("\n") + 1
    if NOTHING.fullmatch(parts[0].text):
        del parts[0]
    return parts


def starts(text: str) -> Iterator[tuple[int, int]]:
    """Line and column where the content of each document starts; 1, 1 where that is not known."""
    if WHOLE.search(text):
        yield from itertools.repeat((1, 1))
    for piece in pieces(text):
        for number, line in enumerate(piece.text.split("\n"), piece.line + 1):
            content = line.strip()
            if content and not content.startswith(("#", "---")):
                yield number, len(line) - len(line.lstrip()) + 1
                break
        else:
            yield piece.line + 1, 1
