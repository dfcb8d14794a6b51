"""The sources that no agent's object names: kustomizations, charts and folders of manifests."""

from __future__ import annotations

import posixpath

from meshgate.adoption.candidates import CandidateAnswer, EnvironmentCandidate, leads_to_sync
from meshgate.adoption.contents import Contents, file_of, is_sync, mapping, mappings
from meshgate.adoption.environments import environment_in
from meshgate.errors import BuildError
from meshgate.model import MESH_KINDS, JSONObject
from meshgate.model.sources import HelmChart, ManifestSources
from meshgate.source.recognition import CHART
from meshgate.yamldoc import document
from meshgate.yamldoc.files import read_inside

VALUES, LIBRARY = "values", "library"
GLOBAL = "global"
# Folders of a chart whose files are no values.
OF_CHART = ("charts/", "crds/", "templates/")
YAML = (".yaml", ".yml")
UNINCLUDED = "which no other kustomization includes"


def candidates(contents: Contents) -> CandidateAnswer:
    """Kustomizations that nothing includes, charts with their files of values, plain manifests."""
    answer = CandidateAnswer.none()
    for folder in contents.roots():
        if leads_to_sync(contents, folder):
            answer.entries.add(folder)
        elif contents.below(folder) or contents.trees[folder].refused:
            answer.candidates.append(
                EnvironmentCandidate(
                    ManifestSources(overlay=folder),
                    f"{folder if folder != '.' else 'the kustomization at the top'}, {UNINCLUDED}",
                    (folder, *_suffix(contents, folder)),
                )
            )
    charts = [each for each in contents.charts if not _is_library(contents, each)]
    for chart in charts:
        answer.candidates += _of_chart(contents, chart, answer, alone=len(charts) == 1)
    answer.candidates += _of_manifests(contents)
    if not answer.candidates and not answer.entries:
        _add_top(contents, answer)
    return answer


def _add_top(contents: Contents, answer: CandidateAnswer) -> None:
    """The one file at the top with policies, or that there are several."""
    objects = [each for each in contents.objects if "/" not in file_of(each)]
    files = sorted({file_of(each) for each in objects if not is_sync(each)})
    if not any(MESH_KINDS.get(each.kind) == each.group for each in objects):
        return
    if len(files) == 1:
        sources = ManifestSources(manifests=files[0])
        answer.candidates.append(
            EnvironmentCandidate(sources, f"the manifests in {files[0]}", ("default",))
        )
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
    return _mapping_in(contents, f"{chart}/{CHART}")


def _mapping_in(contents: Contents, name: str) -> JSONObject:
    """The mapping that a file is; empty where it is none, or cannot be read."""
    try:
        return mapping(document.parse(read_inside(contents.root, name), name).value)
    except BuildError:
        return {}


def _of_chart(
    contents: Contents, chart: str, answer: CandidateAnswer, *, alone: bool
) -> list[EnvironmentCandidate]:
    """A chart, once for each environment that files of values are called by.

    Those in and beside its folder; of a chart that is `alone` in its repository all of them.
    """
    release = posixpath.basename(chart) if chart != "." else _name_of(contents, chart)
    around = (chart, posixpath.dirname(chart) or chart)
    found: dict[str, list[str]] = {}
    others = tuple(f"{each}/" for each in contents.charts if each != chart)
    for name in contents.files:
        if name.startswith(others):
            continue
        near = alone or chart == "." or posixpath.dirname(name).startswith(around)
        if not (near and name.endswith(YAML)) or name == posixpath.normpath(f"{chart}/values.yaml"):
            continue
        own = environment_in([posixpath.basename(name), name])
        if own and (
            VALUES in name.removeprefix(chart).lower() or _gives_values(contents, chart, name)
        ):
            found.setdefault(own, []).append(name)
    if not found:
        stated = HelmChart(chart=chart, release=release)
        return [EnvironmentCandidate(ManifestSources(helm=stated), f"the chart {chart}", (chart,))]
    made = []
    for environment, names in found.items():
        stated = HelmChart(chart=chart, values=tuple(names), release=release)
        title = f"{' and '.join(names)}, values of {chart}"
        made.append(EnvironmentCandidate(ManifestSources(helm=stated), title, (environment,)))
        if len(names) > 1:
            answer.unknown.append(
                f"{environment}: {' and '.join(names)} are files of values of {chart}, and of a "
                "key in several the last one counts: correct their order in `helm.values`"
            )
    return made


def _gives_values(contents: Contents, chart: str, name: str) -> bool:
    """Whether a file under another name is one of values: it has keys of the chart, and no other.

    Of `values.yaml`, and the charts in it.
    """
    if name.startswith(f"{chart}/") and name.removeprefix(f"{chart}/").startswith(OF_CHART):
        return False
    given = _mapping_in(contents, name)
    known = {GLOBAL, *_mapping_in(contents, f"{chart}/values.yaml")}
    for each in mappings(_description(contents, chart).get("dependencies")):
        known |= {str(each[key]) for key in ("name", "alias") if each.get(key)}
    return bool(given) and known.issuperset(given)


def _of_manifests(contents: Contents) -> list[EnvironmentCandidate]:
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
        EnvironmentCandidate(
            ManifestSources(manifests=folder), f"the manifests in {folder}", (found,)
        )
        for folder, found in folders.items()
    ]


def _up_to(folder: str, environment: str) -> str:
    """The outermost folder of a path that tells the environment."""
    parts = folder.split("/")
    for end in range(1, len(parts) + 1):
        if environment_in(["/".join(parts[:end])]) == environment:
            return "/".join(parts[:end])
    return folder
