"""The sources that Flux objects of a repository name: Kustomizations and HelmReleases."""

from __future__ import annotations

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
from meshgate.adoption.contents import Contents, file_of, mapping
from meshgate.model import JSONObject, Resource
from meshgate.model.sources import HelmChart

KUSTOMIZE = "kustomize.toolkit.fluxcd.io"
HELM = "helm.toolkit.fluxcd.io"


def candidates(contents: Contents) -> CandidateAnswer:
    """What the Flux objects of a repository sync from it."""
    answer = CandidateAnswer.none()
    for each in contents.objects:
        if (each.group, each.kind) == (KUSTOMIZE, "Kustomization"):
            _of_kustomization(contents, each, answer)
        elif (each.group, each.kind) == (HELM, "HelmRelease"):
            _of_release(contents, each, answer)
    return answer


def _of_kustomization(contents: Contents, resource: Resource, answer: CandidateAnswer) -> None:
    path = normalized(str(resource.spec.get("path") or "."))
    name = f"Kustomization {resource.name} ({file_of(resource)})"
    if (path == "." and not is_at_top(contents)) or not contents.has_folder(path):
        answer.unknown.append(
            f"{name} syncs {path} of {_source(resource)}: "
            + (
                "the whole repository; name the folders of its environments by hand"
                if path == "."
                else "there is no such folder here, so it is another repository"
            )
        )
    elif leads_to_sync(contents, path):
        answer.entries.add(path)
    else:
        if keys := changed_by(resource.spec):
            answer.unknown.append(described_changes(f"Flux {name}", keys))
        answer.candidates.append(
            EnvironmentCandidate(
                sources_at(contents, path),
                f"Flux {name}",
                (path, file_of(resource), resource.name),
            )
        )


def _of_release(contents: Contents, resource: Resource, answer: CandidateAnswer) -> None:
    stated = mapping(mapping(resource.spec.get("chart")).get("spec"))
    path = normalized(str(stated.get("chart") or ""))
    name = f"HelmRelease {resource.name} ({file_of(resource)})"
    if path not in contents.charts:
        answer.unknown.append(
            f"{name} installs {_chart(stated)}: it is not in this repository, and "
            "what it brings is not judged"
        )
        return
    if resource.spec.get("values") or resource.spec.get("valuesFrom"):
        answer.unknown.append(
            f"{name} has its values in itself, or in other objects: write them into a file, and "
            "name it in `helm.values`; they are not part of what is judged"
        )
    namespace = resource.spec.get("targetNamespace") or resource.namespace or "default"
    chart = HelmChart(
        chart=path,
        release=str(resource.spec.get("releaseName") or resource.name),
        namespace=str(namespace),
    )
    answer.candidates.append(
        EnvironmentCandidate(
            sources_at(contents, path, chart), f"Flux {name}", (file_of(resource), path)
        )
    )


def _source(resource: Resource) -> str:
    reference = mapping(resource.spec.get("sourceRef"))
    return f"{reference.get('kind', 'no source')} {reference.get('name', '')}".strip()


def _chart(stated: JSONObject) -> str:
    name = stated.get("chart")
    return f"the chart {name}" if name else "a chart that it does not name"
