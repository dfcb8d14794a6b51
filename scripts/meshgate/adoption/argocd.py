"""The sources that Argo CD Applications and ApplicationSets of a repository name."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from meshgate.adoption.candidates import (
    CandidateAnswer,
    EnvironmentCandidate,
    changed_by,
    described_changes,
    is_at_top,
    leads_to_sync,
    normalized,
    sources_at,
)
from meshgate.adoption.contents import Contents, file_of, mapping, mappings
from meshgate.adoption.generators import asks_for_clusters, filled, left_out, parameters
from meshgate.model import JSONObject, Resource
from meshgate.model.circle import circle
from meshgate.model.sources import HelmChart

GROUP = "argoproj.io"


def candidates(contents: Contents) -> CandidateAnswer:
    """What the Argo CD objects of a repository sync from it."""
    answer = CandidateAnswer.none()
    applications = {
        f"{each.name} ({file_of(each)})": each
        for each in contents.objects
        if (each.group, each.kind) == (GROUP, "Application")
    }
    made: list[tuple[str, Resource]] = list(applications.items())
    for each in contents.objects:
        if (each.group, each.kind) == (GROUP, "ApplicationSet"):
            made += _of_set(contents, each, answer)
    paths = {name: _paths(contents, each) for name, each in made}
    edges = {
        name: [
            other
            for other, application in applications.items()
            if any(application in contents.below(path) for path in at)
        ]
        for name, at in paths.items()
    }
    if names := circle(dict(sorted(edges.items()))):
        answer.unknown.append(
            "these Applications lead round in a circle, so that Argo CD would make them anew for "
            "ever: " + " -> ".join(names) + "; take the path of one of them to another folder"
        )
    for name, application in made:
        _of_application(contents, name, application, answer)
    return answer


def _sources(application: Resource) -> list[JSONObject]:
    spec = application.spec
    return [*filter(None, [mapping(spec.get("source"))]), *mappings(spec.get("sources"))]


def _repository(source: JSONObject) -> str:
    return str(source.get("repoURL") or "no repository that it names")


def _paths(contents: Contents, application: Resource) -> list[str]:
    paths = [normalized(str(each["path"])) for each in _sources(application) if each.get("path")]
    return [path for path in paths if contents.has_folder(path)]


def _of_application(
    contents: Contents, name: str, application: Resource, answer: CandidateAnswer
) -> None:
    destination = mapping(application.spec.get("destination"))
    for each in _sources(application):
        if each.get("chart"):
            answer.unknown.append(
                f"Application {name} installs the chart {each['chart']} of {_repository(each)}: "
                "it is not in this repository, and what it brings is not judged"
            )
            continue
        if not each.get("path"):
            continue  # `ref: values`: what other sources take files from
        path = normalized(str(each["path"]))
        if not contents.has_folder(path):
            answer.unknown.append(
                f"Application {name} syncs {path} of {_repository(each)}: there is no such "
                "folder here, so it is another repository, or another branch"
            )
        elif leads_to_sync(contents, path):
            answer.entries.add(path)
        elif path == "." and not is_at_top(contents):
            answer.unknown.append(
                f"Application {name} syncs every manifest of the repository: name the folders of "
                "its environments by hand"
            )
        else:
            _of_build(contents, name, path, each, answer)
            chart, values = _chart(contents, path, each, application, destination, answer, name)
            answer.candidates.append(
                EnvironmentCandidate(
                    sources_at(contents, path, chart),
                    f"Application {name}",
                    (
                        path,
                        *values,
                        file_of(application),
                        application.name,
                        *(str(destination.get(key) or "") for key in ("name", "namespace")),
                    ),
                )
            )


def _of_build(
    contents: Contents, name: str, path: str, stated: JSONObject, answer: CandidateAnswer
) -> None:
    """What Argo CD does with a folder beside building it."""
    if stated.get("plugin"):
        answer.unknown.append(
            f"Application {name} has {path} built by a plugin, which is not run: let CI render it, "
            "and name the result in `manifests`"
        )
    if keys := changed_by(mapping(stated.get("kustomize"))):
        answer.unknown.append(described_changes(f"Application {name}", keys))
    directory = mapping(stated.get("directory"))
    is_plain = path not in contents.trees and path not in contents.charts
    if is_plain and not directory.get("recurse"):
        deeper = [e for e in contents.below(path) if posixpath.dirname(file_of(e)) != path]
        if deeper and path != ".":
            answer.unknown.append(
                f"Application {name} syncs the files of {path} and, without `directory.recurse`, "
                f"none of the folders in it, such as {posixpath.dirname(file_of(deeper[0]))}: they "
                "are judged all the same"
            )
    if keys := [key for key in ("exclude", "include", "jsonnet") if directory.get(key)]:
        answer.unknown.append(
            f"Application {name} syncs a part of {path} (directory: {', '.join(keys)}), and all "
            "of it is judged"
        )


def _chart(  # noqa: PLR0917 - all of one Application
    contents: Contents,
    path: str,
    stated: JSONObject,
    application: Resource,
    destination: JSONObject,
    answer: CandidateAnswer,
    name: str,
) -> tuple[HelmChart, list[str]]:
    helm = mapping(stated.get("helm"))
    values = []
    for each in helm.get("valueFiles") or () if isinstance(helm.get("valueFiles"), list) else ():
        file = str(each)
        # `$ref/path` is relative to the top of what the other source names.
        top = file.partition("/")[2] if file.startswith("$") else posixpath.join(path, file)
        top = posixpath.normpath(top.lstrip("/") if file.startswith("/") else top)
        if contents.has_file(top):
            values.append(top)
        else:
            answer.unknown.append(f"Application {name} names the file of values {top}: not there")
    if helm.get("values") or helm.get("valuesObject") or helm.get("parameters"):
        answer.unknown.append(
            f"Application {name} has values of its own in {file_of(application)}: write them into "
            "a file, and name it in `helm.values`; they are not part of what is judged"
        )
    chart = HelmChart(
        chart=path,
        values=tuple(values),
        release=str(helm.get("releaseName") or application.name or "release"),
        namespace=str(destination.get("namespace") or "default"),
    )
    return chart, values


def _of_set(
    contents: Contents, application_set: Resource, answer: CandidateAnswer
) -> Iterator[tuple[str, Resource]]:
    """The Applications that an ApplicationSet makes, as far as files tell."""
    name = f"{application_set.name} ({file_of(application_set)})"
    template = mapping(application_set.spec.get("template"))
    for generator in mappings(application_set.spec.get("generators")):
        for folder in left_out(contents, generator):
            answer.left_out.setdefault(folder, f"ApplicationSet {name}")
        made = parameters(contents, generator)
        kinds = " and ".join(sorted(set(generator) - {"selector", "template"})) or "nothing"
        if not made:
            answer.unknown.append(
                f"ApplicationSet {name} makes its Applications of {kinds}: which ones is not in "
                "these files; add an environment for each by hand"
            )
        elif asks_for_clusters(generator):
            answer.unknown.append(
                f"ApplicationSet {name} goes by the clusters that Argo CD knows: taken are those "
                "whose Secrets lie here; add environments of others by hand"
            )
        for given in made:
            value = mapping(filled({**template, "kind": "Application"}, given))
            value = {**value, "apiVersion": application_set.api_version}
            application = Resource.of(value, application_set.origin)
            if any("{{" in str(each.get("path")) for each in _sources(application)):
                answer.unknown.append(
                    f"ApplicationSet {name}: its template has functions that are not read, or "
                    "parameters that nothing gives; add its environments by hand"
                )
                break
            yield f"{application.name or application_set.name} of {name}", application
