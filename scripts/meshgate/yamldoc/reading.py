"""Read the documents of a YAML or JSON text: the plainest by line, JSON as JSON, others by libyaml.

Values come first. The nodes, which know lines and columns, are kept only for a document that needs
a second look; `positions` composes others again when it is asked where something stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meshgate.errors import BuildError
from meshgate.model import JSON
from meshgate.yamldoc import fast_yaml, json_text
from meshgate.yamldoc.nodes import Node, Reader, compose
from meshgate.yamldoc.text import pieces
from meshgate.yamldoc.values import value_of


class Parsed(NamedTuple):
    """One document of a text.

    odd    its node, where it has a key twice, a merge, a tag, a key that is not text or a scalar
           that two readers take differently; else None
    line   how many lines stand before the text that the node counts from
    node   its node, where it was composed and is asked for
    """

    value: JSON
    odd: Node | None = None
    line: int = 0
    node: Node | None = None


# A file within its size may be nothing but `---`, each of which takes its time.
MOST = 500_000


def documents(
    text: str, file: str, reader: Reader = Reader.API_SERVER, *, keep_nodes: bool = False
) -> Iterator[Parsed]:
    """Each document of a text, empty ones included; messages call it `file`. Raises BuildError.

    `keep_nodes` is for who asks for places afterwards: nodes take far more memory than values.
    """
    if text.startswith("{") and (values := json_text.values(text)) is not None:
        yield from map(Parsed, values)
        return
    for number, piece in enumerate(pieces(text)):
        if number == MOST:
            raise BuildError(
                f"{file} has more than {MOST:,} documents, and was not read",
                hint="split it; a document that is empty counts, too",
            )
        if (plain := fast_yaml.value(piece.text)) is not None:
            yield Parsed(plain, line=piece.line)
            continue
        aliases = "&" in piece.text
        for node in compose(piece.text, file, piece.line, reader):
            value, odd = value_of(node, file, piece.line, aliases=aliases)
            yield Parsed(value, node if odd else None, piece.line, node if keep_nodes else None)
