"""The sources that no agent's object names: kustomizations, charts and folders of manifests."""

from __future__ import annotations

import posixpath

from meshgate.adoption.candidates import Answer, Candidate, leads_to_sync
from meshgate.adoption.contents import Contents, file_of, is_sync, mapping
from meshgate.adoption.environments import environment_in
from meshgate.errors import BuildError
from meshgate.model import MESH_KINDS, JSONObject
from meshgate.model.sources import HelmChart, ManifestSources
from meshgate.source.recognition import CHART
from meshgate.yamldoc import document
from meshgate.yamldoc.files import read_inside

VALUES, LIBRARY = "values", "library"
YAML = (".yaml", ".yml")
UNINCLUDED = "which no other kustomization includes"


def candidates(contents: Contents) -> Answer:
    """Kustomizations that nothing includes, charts with their files of values, plain manifests."""
    answer = Answer.none()
    for folder in contents.roots():
        if leads_to_sync(contents, folder):
            answer.entries.add(folder)
        elif contents.below(folder) or contents.trees[folder].refused:
            answer.candidates.append(
                Candidate(
                    ManifestSources(overlay=folder),
                    f"{folder if folder != '.' else 'the kustomization at the top'}, {UNINCLUDED}",
                    (folder, *_suffix(contents, folder)),
                )
            )
    charts = [each for each in contents.charts if not _is_library(contents, each)]
    for chart in charts:
        answer.candidates += _of_chart(contents, chart, alone=len(charts) == 1)
    answer.candidates += _of_manifests(contents)
    if not answer.candidates and not answer.entries:
        _add_top(contents, answer)
    return answer


def _add_top(contents: Contents, answer: Answer) -> None:
    """The one file at the top with policies, or that there are several."""
    objects = [each for each in contents.objects if "/" not in file_of(each)]
    files = sorted({file_of(each) for each in objects if not is_sync(each)})
    if not any(MESH_KINDS.get(each.kind) == each.group for each in objects):
        return
    if len(files) == 1:
        sources = ManifestSources(manifests=files[0])
        answer.candidates.append(Candidate(sources, f"the manifests in {files[0]}", ("default",)))
    else:
        answer.unknown.append(
            f"{len(files)} files of manifests lie at the top, such as {files[0]}: an environment "
            "is a folder; move them into one, such as policies/, or judge them as they are with "
            "`meshgate lint .`"
        )


def _suffix(contents: Contents, folder: str) -> list[str]:
    """What an overlay adds to names, which often is its environment."""
    tree = contents.trees[folder]
    own = tree.kustomizations.get(tree.start)
    value = own.value if own is not None else {}
    return [str(value[key]) for key in ("nameSuffix", "namePrefix", "namespace") if value.get(key)]


def _is_library(contents: Contents, chart: str) -> bool:
    """Whether a chart is there for others alone, and renders to nothing."""
    return _description(contents, chart).get("type") == LIBRARY


def _name_of(contents: Contents, chart: str) -> str:
    return str(_description(contents, chart).get("name") or "release")


def _description(contents: Contents, chart: str) -> JSONObject:
    """What Chart.yaml says; nothing where it cannot be read."""
    try:
        value = document.parse(read_inside(contents.root, f"{chart}/{CHART}"), CHART).value
    except BuildError:
        return {}
    return mapping(value)


def _of_chart(contents: Contents, chart: str, *, alone: bool) -> list[Candidate]:
    """A chart, once for each environment that a file of values is called by.

    Those in and beside its folder; of a chart that is `alone` in its repository all of them.
    """
    release = posixpath.basename(chart) if chart != "." else _name_of(contents, chart)
    made = []
    for name in contents.files:
        stem = posixpath.basename(name)
        around = (chart, posixpath.dirname(chart) or chart)
        near = alone or chart == "." or posixpath.dirname(name).startswith(around)
        if not (stem.endswith(YAML) and near and VALUES in name.removeprefix(chart).lower()):
            continue
        is_default = name == posixpath.normpath(f"{chart}/values.yaml")
        if is_default or not (found := environment_in([stem, name])):
            continue
        stated = HelmChart(chart=chart, values=(name,), release=release)
        texts = (found,)
        made.append(Candidate(ManifestSources(helm=stated), f"{name}, values of {chart}", texts))
    if made:
        return made
    stated = HelmChart(chart=chart, release=release)
    return [Candidate(ManifestSources(helm=stated), f"the chart {chart}", (chart,))]


def _of_manifests(contents: Contents) -> list[Candidate]:
    """Folders of plain manifests that are called by an environment, as far up as they are."""
    folders: dict[str, str] = {}
    for each in contents.objects:
        name = file_of(each)
        folder = posixpath.dirname(name)
        if name in contents.reached or is_sync(each) or not folder:
            continue
        if found := environment_in([folder]):
            folders.setdefault(_up_to(folder, found), found)
    if not folders and not contents.trees and not contents.charts:
        # Nothing is called by an environment: what has policies is one.
        tops = {
            file_of(each).partition("/")[0]
            for each in contents.objects
            if MESH_KINDS.get(each.kind) == each.group and "/" in file_of(each)
        }
        folders = dict.fromkeys(sorted(tops), "default")
    return [
        Candidate(ManifestSources(manifests=folder), f"the manifests in {folder}", (found,))
        for folder, found in folders.items()
    ]


def _up_to(folder: str, environment: str) -> str:
    """The outermost folder of a path that tells the environment."""
    parts = folder.split("/")
    for end in range(1, len(parts) + 1):
        if environment_in(["/".join(parts[:end])]) == environment:
            return "/".join(parts[:end])
    return folder
