"""A small tree of kustomizations, and where the values it renders to are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from meshgate import source
from meshgate.model import Resource

API = "networking.istio.io/v1"


def tree(root: Path, files: dict[str, Any]) -> Path:
    """Write files; what is not text is written as YAML."""
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        text = (
            content
            if isinstance(content, str)
            else yaml.dump(content, Dumper=Literal, sort_keys=False)
        )
        file.write_text(text, encoding="utf-8")
    return root


def rule(name: str = "a", namespace: str | None = "shop", **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": API, "kind": "DestinationRule", "metadata": metadata, "spec": spec}


class TracedOrigin:
    """One overlay, rendered, and where its values were written."""

    def __init__(self, root: Path, overlay: str = "overlay") -> None:
        self.build = source.render(root, overlay, cache=None)
        self.locate = source.Locator(root)

    def __getitem__(self, name: str) -> Resource:
        return next(r for r in self.build.resources if r.name == name)

    def place(self, name: str, path: str) -> str:
        position = self.locate(self[name], path)
        assert position is not None
        return f"{position.file}:{position.line}"

    def line(self, name: str, path: str) -> str:
        position = self.locate(self[name], path)
        assert position is not None
        return self.locate.excerpt(position).strip()

    def steps(self, name: str) -> list[str]:
        chain = self.build.record.chains.get(self[name].ref, ())
        return [f"{step.kind} {step.origin.file}" for step in chain]


class Literal(yaml.SafeDumper):
    """Writes text of several lines as a block, as people do."""
