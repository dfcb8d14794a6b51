"""`helm: {chart: FOLDER, …}`: a chart of this repository, with what it depends on."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path

from meshgate.model.sources import ManifestSources
from meshgate.source.kinds.kind import ManifestSource
from meshgate.yamldoc.files import Root


def paths(stated: ManifestSources) -> Iterator[str]:
    """The folder of the chart."""
    if stated.helm is not None:
        yield posixpath.normpath(stated.helm.chart.rstrip("/"))


def sources(stated: ManifestSources, root: Path, below: Root | None) -> Iterator[ManifestSource]:
    """The chart, if that is where manifests come from."""
    if stated.helm is not None:
        # Most environments have none, and it takes ten modules to read one.
        from meshgate.source.charts.chart import Chart  # noqa: PLC0415

        yield Chart(stated.helm, below or Root(root))
