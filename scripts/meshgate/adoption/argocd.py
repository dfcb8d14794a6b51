"""The sources that Argo CD Applications and ApplicationSets of a repository name."""

from __future__ import annotations

import fnmatch
import itertools
import json
import posixpath
import re
from collections.abc import Iterator

from meshgate.adoption.candidates import (
    Answer,
    Candidate,
    circle,
    is_at_top,
    leads_to_sync,
    normal,
    sources_at,
)
from meshgate.adoption.contents import Contents, file_of, listed, mapping
from meshgate.errors import BuildError
from meshgate.model import JSON, JSONObject, Resource
from meshgate.model.sources import HelmChart
from meshgate.source.load import document
from meshgate.yamldoc.files import read_inside

GROUP = "argoproj.io"
# `{{ name }}` of the plain templates, `{{ .name }}` of Go's.
MARK = re.compile(r"\{\{-?\s*\.?([\w.\[\]-]+)\s*-?\}\}")
MOST_PARAMETERS = 500


def candidates(contents: Contents) -> Answer:
    """What the Argo CD objects of a repository sync from it."""
    answer = Answer.none()
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
    if names := circle(dict(edges)):
        answer.unknown.append(
            "these Applications lead round in a circle, so that Argo CD would make them anew for "
            "ever: " + " -> ".join(names) + "; take the path of one of them to another folder"
        )
    for name, application in made:
        _of_application(contents, name, application, answer)
    return answer


def _sources(application: Resource) -> list[JSONObject]:
    spec = application.spec
    return [*filter(None, [mapping(spec.get("source"))]), *listed(spec.get("sources"))]


def _repository(source: JSONObject) -> str:
    return str(source.get("repoURL") or "no repository that it names")


def _paths(contents: Contents, application: Resource) -> list[str]:
    paths = [normal(str(each["path"])) for each in _sources(application) if each.get("path")]
    return [path for path in paths if contents.has_folder(path)]


def _of_application(contents: Contents, name: str, application: Resource, answer: Answer) -> None:
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
        path = normal(str(each["path"]))
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
            chart, values = _chart(contents, path, each, application, destination, answer, name)
            answer.candidates.append(
                Candidate(
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


def _chart(  # noqa: PLR0917 - all of one Application
    contents: Contents,
    path: str,
    stated: JSONObject,
    application: Resource,
    destination: JSONObject,
    answer: Answer,
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
    contents: Contents, application_set: Resource, answer: Answer
) -> Iterator[tuple[str, Resource]]:
    """The Applications that an ApplicationSet makes, as far as files tell."""
    name = f"{application_set.name} ({file_of(application_set)})"
    template = mapping(application_set.spec.get("template"))
    for generator in listed(application_set.spec.get("generators")):
        made = list(itertools.islice(_parameters(contents, generator), MOST_PARAMETERS))
        if not made:
            kinds = " and ".join(sorted(generator)) or "nothing"
            answer.unknown.append(
                f"ApplicationSet {name} makes its Applications of {kinds}: which ones is not in "
                "these files; add an environment for each by hand"
            )
        for parameters in made:
            value = _filled({**template, "kind": "Application"}, parameters)
            value = {**value, "apiVersion": application_set.api_version}
            application = Resource.of(value, application_set.origin)
            if any("{{" in str(each.get("path")) for each in _sources(application)):
                answer.unknown.append(
                    f"ApplicationSet {name}: its template has functions that are not read; add "
                    "its environments by hand"
                )
                break
            yield f"{application.name or application_set.name} of {name}", application


def _parameters(contents: Contents, generator: JSONObject) -> Iterator[dict[str, str]]:
    """What a generator fills the template with; nothing for one that asks a cluster or a forge."""
    for element in listed(mapping(generator.get("list")).get("elements")):
        yield dict(_flat(element))
    git = mapping(generator.get("git"))
    directories = listed(git.get("directories"))
    excluded = [str(each.get("path")) for each in directories if each.get("exclude")]
    for pattern in (str(each.get("path")) for each in directories if not each.get("exclude")):
        for folder in _folders(contents):
            if _matches(folder, pattern) and not any(_matches(folder, e) for e in excluded):
                yield _of_path(folder)
    for pattern in (str(each.get("path")) for each in listed(git.get("files"))):
        for file in contents.files:
            if _matches(file, pattern) and (value := _document(contents, file)) is not None:
                yield {**dict(_flat(value)), **_of_path(posixpath.dirname(file))}
    inner = listed(mapping(generator.get("matrix")).get("generators"))
    if len(inner) == 2:  # noqa: PLR2004 - a matrix has two
        first, second = ([*_parameters(contents, each)] for each in inner)
        for left, right in itertools.product(first, second):
            yield {**left, **right}


def _folders(contents: Contents) -> list[str]:
    folders: set[str] = set()
    for name in contents.files:
        folder = posixpath.dirname(name)
        while folder and folder not in folders:
            folders.add(folder)
            folder = posixpath.dirname(folder)
    return sorted(folders)


def _matches(name: str, pattern: str) -> bool:
    """As Go's path.Match: a star does not pass a slash, but for `**`."""
    parts, wanted = name.split("/"), pattern.strip("/").split("/")
    if "**" in wanted:
        return fnmatch.fnmatchcase(name, pattern.strip("/"))
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))


def _of_path(folder: str) -> dict[str, str]:
    parts = folder.split("/")
    indexed = {f"path[{index}]": part for index, part in enumerate(parts)}
    segments = {f"path.segments[{index}]": part for index, part in enumerate(parts)}
    both = {"path": folder, "path.path": folder, "path.basename": parts[-1]}
    return {**both, "path.basenameNormalized": parts[-1].replace("_", "-"), **indexed, **segments}


def _document(contents: Contents, file: str) -> JSONObject | None:
    from meshgate.model import Origin  # noqa: PLC0415 - few repositories have such files

    try:
        value = document(read_inside(contents.root, file), Origin(file))
    except BuildError:
        return None
    return value if isinstance(value, dict) else None


def _flat(value: JSONObject, before: str = "") -> Iterator[tuple[str, str]]:
    for key, part in value.items():
        if isinstance(part, dict):
            yield from _flat(part, f"{before}{key}.")
        elif not isinstance(part, list):
            yield f"{before}{key}", str(part)


def _filled(value: JSONObject, parameters: dict[str, str]) -> JSONObject:
    """A template with its marks filled in; one that has no value stays."""
    text = MARK.sub(
        lambda mark: json.dumps(parameters[mark[1]])[1:-1] if mark[1] in parameters else mark[0],
        json.dumps(value),
    )
    filled: JSON = json.loads(text)
    assert isinstance(filled, dict)
    return filled
