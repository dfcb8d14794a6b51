"""Source files as kustomize reads them, parsed once for all overlays that share them."""

from __future__ import annotations

import functools
from typing import NamedTuple

from meshgate.model import JSON, Defect
from meshgate.source.load import documents
from meshgate.yamldoc import text as texts
from meshgate.yamldoc.nodes import Reader


class Document(NamedTuple):
    """One document: what it says, and what two readers take differently in it."""

    value: JSON
    defects: tuple[Defect, ...]


@functools.lru_cache(maxsize=4096)
def parsed(content: bytes, name: str, reader: Reader = Reader.KUSTOMIZE) -> tuple[Document, ...]:
    """The documents of a file, empty ones included. Values are shared: never change them.

    Raises BuildError.
    """
    text = texts.decoded(content, name)
    return tuple(
        Document(value, tuple(defects)) for value, defects in documents(text, name, reader)
    )
