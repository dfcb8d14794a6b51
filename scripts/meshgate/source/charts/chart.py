"""A chart as a source of manifests: what it reaches, what is wrong with it, what it renders to."""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Iterator
from pathlib import Path

from msgspec import structs

from meshgate.errors import BuildError
from meshgate.model import BuildRecord, Defect, Origin, Position, Resource, Scopes
from meshgate.model.sources import HelmChart
from meshgate.source.charts.files import TOP, ChartFiles
from meshgate.source.charts.program import version
from meshgate.source.charts.rendering import rendered
from meshgate.source.charts.templates import Template, TemplateOrigin
from meshgate.source.charts.unsettled import unsettled
from meshgate.source.kinds.kind import Build, Reached, Workplace
from meshgate.source.load import parsed, read
from meshgate.source.recognition import CHART
from meshgate.yamldoc.files import Root
from meshgate.yamldoc.nodes import Reader

UNSETTLED = "unsettled-template"


class Chart:
    """One chart, rendered with the values that environments.yaml names."""

    def __init__(self, chart: HelmChart, below: Root) -> None:
        self.chart = chart
        self.path = posixpath.normpath(chart.chart.rstrip("/"))
        self.below = below

    @property
    def is_large(self) -> bool:
        return True

    def reached(self) -> Reached:
        values = tuple(map(posixpath.normpath, self.chart.values))
        try:
            files = self._files
        except BuildError:
            return Reached(absent=frozenset((f"{self.path}/{CHART}", *values)))
        named = frozenset((*files.files, *files.values))
        # The root is no folder that belongs to a source as a whole.
        return Reached(folders=[] if self.path == TOP else [self.path], files=named)

    def content(self, name: str) -> bytes:
        return self._files.values[name] if name in self._files.values else self._files.files[name]

    def built_by(self, cache: Path | None) -> str:  # noqa: ARG002 - its version is in the toolchain
        return version(Path(self.below.top))

    def survey(self) -> list[Defect]:
        try:
            files = self._files
            return [*self._in_values(files), *_in_templates(files)]
        except BuildError:  # reported when it is built
            return []

    def unreached(self) -> list[str]:
        return []

    def build(self, place: Workplace) -> Build:
        files = self._files
        resources: list[Resource] = []
        defects = [*self._in_values(files), *_in_templates(files)]
        by = version(Path(self.below.top), exact=place.exact)
        for document in rendered(self.chart, files, by, place.cache, place.aside):
            template = Template(files, document.source, document.text)
            loaded = read(document.text.encode("utf-8", "surrogatepass"), template.file)
            if loaded.others:
                raise BuildError(
                    f"{template.file} renders to what is no Kubernetes object",
                    why="Helm would not install it.",
                    hint="give it an apiVersion and a kind, or call the file _NAME.tpl or "
                    "NOTES.txt",
                )
            origin = TemplateOrigin.of(template)
            resources += (structs.replace(each, origin=origin) for each in loaded.resources)
            defects += (_in_template(each, template, origin) for each in loaded.defects)
        scopes = Scopes(resources)
        landed = [scopes.landed(each, self.chart.namespace) for each in resources]
        return Build(landed, BuildRecord(tuple(defects)))

    @functools.cached_property
    def _files(self) -> ChartFiles:
        return ChartFiles(self.below, self.path, tuple(map(posixpath.normpath, self.chart.values)))

    def _in_values(self, files: ChartFiles) -> Iterator[Defect]:
        for name, content in files.values.items():
            for document in parsed(content, name, Reader.API_SERVER):
                yield from document.defects


def _in_template(defect: Defect, template: Template, origin: Origin) -> Defect:
    """A defect of a rendered document, at the line of the template that wrote it."""
    position = template.at(template.line_of(defect.position.line))
    first = defect.first and template.at(template.line_of(defect.first.line))
    return structs.replace(defect, position=position, first=first, origin=origin)


def _in_templates(files: ChartFiles) -> Iterator[Defect]:
    """Calls whose answer does not follow from files, once for each file and function."""
    seen: set[tuple[str, str, str]] = set()
    for name, member, text in files.templates():
        for call in unsettled(text):
            if (name, member, call.name) in seen:
                continue
            seen.add((name, member, call.name))
            position = Position(name, 1, 1) if member else Position(name, call.line, call.column)
            where = f" in {member}, line {call.line}," if member else ""
            yield Defect(
                UNSETTLED,
                position,
                "",
                call.name,
                Origin(name),
                why=f"`{call.name}`{where} {call.does}",
            )
