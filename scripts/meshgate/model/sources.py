"""Where the manifests of an environment come from, as environments.yaml says it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import field

from meshgate.model.document import SOME, DocumentPart, NamespaceName, Text, about

JSON_START = "{"
# A YAML file may give a number or a truth value where text is meant.
Substitutes = dict[str, str | int | float | bool]


class HelmChart(DocumentPart, frozen=True, kw_only=True):
    """A chart of this repository, with what it depends on in its `charts/`.

    `chart` is empty only in `defaults`, whose other keys an environment completes.
    """

    chart: Annotated[Text, about("Folder of the chart, relative to this file.")] = ""
    values: Annotated[
        tuple[Text, ...],
        about("Files of values, relative to this file; of a key in several the last counts."),
    ] = ()
    release: Annotated[
        Text,
        about(
            "Name of the release, `.Release.Name`; absent: the name of the chart's folder, of one "
            "at the top of the repository the chart's own."
        ),
    ] = ""
    namespace: Annotated[
        NamespaceName,
        about("Namespace of the release: where objects go whose templates name none."),
    ] = "default"


class ManifestSources(DocumentPart, frozen=True, kw_only=True):
    """Where manifests come from: one of these keys, and what is put into them.

    Paths are relative to environments.yaml.
    """

    overlay: Annotated[Text, about("Folder of the Kustomize overlay, relative to this file.")] = ""
    overlays: Annotated[
        Annotated[tuple[Text, ...], SOME] | None,
        about("Folders of several overlays: each is rendered, all are judged as one."),
    ] = None
    manifests: Annotated[
        Text | None,
        about("Folder, or file, of plain manifests that something else has rendered already."),
    ] = None
    helm: Annotated[HelmChart | None, about("A chart inside this repository.")] = None
    substitute: Annotated[
        Substitutes | Text,
        about(
            "Values of variables `${NAME}`, or a file with them, relative to this file: a "
            "mapping, a ConfigMap or a Flux Kustomization. Promotion writes them into what "
            "clusters sync; of a floating environment the cluster's agent puts them in."
        ),
    ] = field(default_factory=dict)

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "overlay", self.overlay.rstrip("/"))

    @property
    def sources(self) -> str:
        """All of it in one text, which a record of a promotion holds; empty: there are none.

        The path of a single overlay; else the other keys as JSON. `sources_of` reads it.
        """
        if self.overlay and not self.overlay.startswith(JSON_START) and not self.substitute:
            return self.overlay
        keys = {
            key: value
            for key in SOURCE_KEYS
            if (value := getattr(self, key)) is not None and value != ""
        }
        if keys and self.substitute:
            keys[SUBSTITUTE] = self.substitute
        return msgspec.json.encode(keys, order="deterministic").decode() if keys else ""

    @property
    def named_paths(self) -> list[str]:
        """Every folder and file it names, as it is written; that of `substitute` not."""
        paths = [self.overlay, *(self.overlays or ()), self.manifests]
        if self.helm is not None:
            paths += [self.helm.chart, *self.helm.values]
        return [path for path in paths if path]

    @property
    def source_title(self) -> str:
        """What people call it: the folder or folders."""
        if self.overlays:
            return " and ".join(self.overlays)
        if self.helm is not None:
            return "the chart " + _titled(self.helm.chart)
        return _titled(self.overlay or self.manifests or "")


SUBSTITUTE = "substitute"
SOURCE_KEYS = tuple(key for key in ManifestSources.__struct_fields__ if key != SUBSTITUTE)


def _titled(path: str) -> str:
    """A path, for people."""
    return "at the top of the repository" if path in {".", "./"} else path


def as_text(values: Substitutes) -> dict[str, str]:
    """Values of variables as they are put in."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in values.items()
    }


def sources_of(text: str) -> ManifestSources:
    """The sources that `ManifestSources.sources` wrote.

    Raises msgspec.ValidationError for a text that is JSON and was not written there.
    """
    if text.startswith(JSON_START):
        return msgspec.json.decode(text.encode(), type=ManifestSources)
    return ManifestSources(overlay=text)
