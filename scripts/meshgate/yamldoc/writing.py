"""Write resources as YAML that every reader takes alike."""

from __future__ import annotations

from collections.abc import Iterable

import yaml

from meshgate.model import JSON, Resource
from meshgate.yamldoc import scalars


class _Dumper(yaml.CSafeDumper):
    """Quotes every text that some reader would take for something else, and uses no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    quoted = not isinstance(scalars.plain(text), str) or scalars.AMBIGUOUS.fullmatch(text)
    style = '"' if quoted else "|" if "\n" in text.strip("\n") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump_value(value: JSON, *, sort_keys: bool = False) -> str:
    """One YAML document, without a marker before it; the same value gives the same text."""
    return str(
        yaml.dump(value, Dumper=_Dumper, sort_keys=sort_keys, allow_unicode=True, width=10_000)
    )


def dump(resources: Iterable[Resource], comment: str = "") -> str:
    """One YAML document for each resource; `comment` stands above the first."""
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    documents = []
    for resource in resources:
        documents.append(f"---\n{head}{dump_value(resource.value)}")
        head = ""
    return "".join(documents)
