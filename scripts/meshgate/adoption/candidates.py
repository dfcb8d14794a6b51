"""A source of manifests that a repository names, before it is known whose it is."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from msgspec import Struct

from meshgate.adoption.contents import Contents, is_sync
from meshgate.model import JSONObject
from meshgate.model.sources import HelmChart, ManifestSources
from meshgate.source.recognition import CHART

# What lies beside objects of a sync: values of variables, credentials, the agent's own rights.
BESIDE_SYNC = frozenset(
    {
        ("", "ConfigMap"),
        ("", "Namespace"),
        ("", "Secret"),
        ("", "ServiceAccount"),
        ("bitnami.com", "SealedSecret"),
        ("external-secrets.io", "ExternalSecret"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
    }
)


class EnvironmentCandidate(Struct, frozen=True):
    """One source, who names it, and the texts that may tell whose it is, the best first."""

    sources: ManifestSources
    named_by: str
    texts: tuple[str, ...]


class CandidateAnswer(Struct):
    """What one way of looking has to say: candidates, and what it could not tell."""

    candidates: list[EnvironmentCandidate]
    unknown: list[str]
    # Folders that hold nothing but objects of a sync.
    entries: set[str]
    # Folders that an object says are not synced, with its name.
    left_out: dict[str, str]

    @classmethod
    def none(cls) -> CandidateAnswer:
        return cls([], [], set(), {})


def normalized(path: str) -> str:
    """A path as it is compared; those of Argo CD and Flux may start with `./` or `/`."""
    return posixpath.normpath(path.lstrip("/") or ".")


def is_at_top(contents: Contents) -> bool:
    """Whether the top of the repository is a kustomization or a chart."""
    return "." in contents.trees or "." in contents.charts


def sources_at(contents: Contents, path: str, chart: HelmChart | None = None) -> ManifestSources:
    """What a folder is to Argo CD and Flux: a kustomization, a chart, else plain manifests."""
    if path in contents.trees:
        return ManifestSources(overlay=path)
    if contents.has_file(f"{path}/{CHART}"):
        return ManifestSources(helm=chart or HelmChart(chart=path))
    return ManifestSources(manifests=path)


def leads_to_sync(contents: Contents, path: str) -> bool:
    """Whether a folder holds objects of a sync, and nothing else but what they refer to."""
    objects = contents.below(path)
    return any(map(is_sync, objects)) and all(
        is_sync(each) or (each.group, each.kind) in BESIDE_SYNC for each in objects
    )


# What agents change of a build, by the key of their objects; other images change no policy.
CHANGES = (
    "commonAnnotations",
    "commonLabels",
    "commonMetadata",
    "components",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "patches",
    "patchesJson6902",
    "patchesStrategicMerge",
    "replicas",
    "targetNamespace",
)


def changed_by(stated: JSONObject) -> list[str]:
    """What an agent's object changes of what the folder builds, by its keys."""
    return [key for key in CHANGES if stated.get(key)]


def described_changes(name: str, keys: Sequence[str]) -> str:
    """That it does, and what to do."""
    return (
        f"{name} changes what the folder builds ({', '.join(keys)}): write that into its "
        "kustomization; it is not part of what is judged"
    )
