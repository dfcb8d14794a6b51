"""What the metadata of an object makes a cluster, or the agent that syncs it, do with it.

Sources: Argo CD (docs/user-guide: resource_hooks, sync-options, compare-options, resource tracking;
gitops-engine/pkg/sync/common), Flux (kustomize-controller docs/spec/v1/kustomizations.md), Helm
(topics/charts_hooks), apimachinery (apis/meta/v1.ObjectMeta, api/validation/objectmeta.go).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

from msgspec import Struct

from meshgate.model import JSON, Resource, Severity, join_path

ARGO = "argocd.argoproj.io/"
FLUX = "kustomize.toolkit.fluxcd.io/"


class MetadataFault(Struct, frozen=True):
    """A field, annotation or label that keeps an object from being what was reviewed."""

    path: str
    message: str
    severity: Severity = Severity.ERROR


COPIED = "it was copied out of a cluster"
# Fields of ObjectMeta that a source may have.
ALLOWED_FIELDS = frozenset({"name", "namespace", "labels", "annotations"})
# The others, and what follows (rest.BeforeCreate, rest.BeforeUpdate of the API server).
FIELDS = {
    "creationTimestamp": f"the API server sets it, so the age it tells is wrong: {COPIED}",
    "deletionGracePeriodSeconds": f"the API server sets it when it deletes an object: {COPIED}",
    "deletionTimestamp": f"the API server sets it when it deletes an object: {COPIED}",
    "finalizers": "the object stays in the cluster after its removal until somebody clears them",
    "generateName": "apply refuses it, and create makes another object at each sync",
    "generation": f"the API server counts it: {COPIED}",
    "managedFields": f"server-side apply refuses an object that has it: {COPIED}",
    "ownerReferences": "the garbage collector deletes the object where the owner is not there",
    "resourceVersion": "create is refused, and apply is as soon as the object has changed",
    "selfLink": f"the API server sets it: {COPIED}",
    "uid": "apply is refused where the object of the cluster has another one, as after a rebuild",
}
# Of a live object these say nothing of its source.
SET_BY_SERVER = frozenset(
    {"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"}
)

HOOK = (
    "makes it a hook: it is deleted and made anew at each sync, gone in between, or never applied, "
    "or deleted though it is in git"
)
OPTIONS = {
    "Replace=true": "replaces the object instead of merging it, and makes it anew where that fails",
    "Force=true": "deletes the object and makes it anew: it is gone in between, and its age is new",
    "Validate=false": "lets the API server drop fields that it does not know",
}
HARMLESS_OPTIONS = frozenset(
    {
        "Prune=confirm",
        "Prune=true",
        "Delete=confirm",
        "Delete=true",
        "PruneLast=true",
        "PruneLast=false",
        "Replace=false",
        "Force=false",
        "Validate=true",
        "ServerSideApply=true",
        "ServerSideApply=false",
        "ClientSideApplyMigration=true",
        "ClientSideApplyMigration=false",
        "SkipDryRunOnMissingResource=true",
        "SkipDryRunOnMissingResource=false",
    }
)
STAYS = "stays in force after its removal from git"
KEPT_OPTIONS = frozenset({"Prune=false", "Delete=false"})
HARMLESS_COMPARISONS = frozenset({"IncludeMutationWebhook=true", "ServerSideDiff=true"})
FOREIGN = "says that it belongs to another owner, who may overwrite or delete it"


def metadata_faults(resource: Resource, *, live: bool) -> Iterator[MetadataFault]:
    """Everything in the metadata of one object that is not on the allowed list.

    `live`: the object was read from a cluster, so what the API server sets is no fault.
    """
    for name, value in resource.metadata.items():
        if name in ALLOWED_FIELDS or not value or (live and name in SET_BY_SERVER):
            continue
        if name in FIELDS:
            yield MetadataFault(f"metadata.{name}", f"has metadata.{name}: {FIELDS[name]}")
    for part, marks in (("annotations", resource.annotations), ("labels", resource.labels)):
        for key, value in marks.items():
            if not _is_judged(key):
                continue
            path = join_path("metadata", part, key)
            for shown, message, severity in _of_mark(resource, key, value, part, live=live):
                yield MetadataFault(path, f"{key}: {shown} {message}", severity)


# Thousands of objects have the same few keys.
@functools.lru_cache(maxsize=4096)
def _is_judged(key: str) -> bool:
    """Whether an annotation or label may say something to an agent."""
    return key in MARKS or f"{key.partition('/')[0]}/" in STRICT_PREFIXES


# The value, or the part of it, that is at fault; what it does; how grave that is.
Answer = Iterator[tuple[str, str, Severity]]


def _of_mark(resource: Resource, key: str, value: JSON, part: str, *, live: bool) -> Answer:
    """What one annotation or label makes an agent do."""
    text = str(value)
    prefix, slash, _ = key.partition("/")
    if live and key in WRITTEN_BY_AGENTS:
        return
    if key in MARKS:
        yield from MARKS[key](resource, text)
    elif slash and f"{prefix}/" in STRICT_PREFIXES:
        kind = part.removesuffix("s")
        yield text, f"is no {kind} of {prefix} that lets it be applied as reviewed", Severity.ERROR


def _always(message: str) -> Callable[[Resource, str], Answer]:
    def answer(_resource: Resource, text: str) -> Answer:
        yield text, message, Severity.ERROR

    return answer


def _never(_resource: Resource, _text: str) -> Answer:
    yield from ()


def _where(values: dict[str, str]) -> Callable[[Resource, str], Answer]:
    """Faults by value, in whatever case; other values are none."""

    def answer(_resource: Resource, text: str) -> Answer:
        message = values.get(text.strip().casefold())
        if message:
            yield text, message, Severity.ERROR

    return answer


def _stays(value: str) -> Callable[[Resource, str], Answer]:
    """An object that is not pruned: wanted of what a namespace or mesh rests on."""

    def answer(resource: Resource, text: str) -> Answer:
        if text.strip().casefold() == value and not decides_for_many(resource):
            yield text, STAYS, Severity.WARNING

    return answer


def _options(resource: Resource, text: str) -> Answer:
    for option in filter(None, (each.strip() for each in text.split(","))):
        if option in KEPT_OPTIONS:
            if not decides_for_many(resource):
                yield option, STAYS, Severity.WARNING
        elif option in OPTIONS:
            yield option, OPTIONS[option], Severity.ERROR
        elif option not in HARMLESS_OPTIONS:
            yield option, "is no option that lets it be applied as reviewed", Severity.ERROR


def _comparisons(_resource: Resource, text: str) -> Answer:
    for option in filter(None, (each.strip() for each in text.split(","))):
        if option not in HARMLESS_COMPARISONS:
            yield option, "hides from Argo CD that cluster and git differ", Severity.ERROR


def decides_for_many(resource: Resource) -> bool:
    """Whether it is a PeerAuthentication without selector, or a rule for a wildcard host."""
    if resource.kind == "PeerAuthentication":
        selector = resource.spec.get("selector")
        return not (isinstance(selector, dict) and selector.get("matchLabels"))
    return resource.kind == "DestinationRule" and str(resource.spec.get("host")).startswith("*")


LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# What agents write on objects of a cluster.
WRITTEN_BY_AGENTS = frozenset(
    {
        LAST_APPLIED,
        f"{ARGO}tracking-id",
        f"{FLUX}name",
        f"{FLUX}namespace",
        "helm.toolkit.fluxcd.io/name",
        "helm.toolkit.fluxcd.io/namespace",
        "meta.helm.sh/release-name",
        "meta.helm.sh/release-namespace",
    }
)
# Prefixes of agents: what is not listed here is not known to be harmless.
STRICT_PREFIXES = frozenset({ARGO, FLUX, "helm.toolkit.fluxcd.io/", "meta.helm.sh/", "helm.sh/"})
MARKS: dict[str, Callable[[Resource, str], Answer]] = {
    f"{ARGO}hook": _always(HOOK),
    f"{ARGO}hook-delete-policy": _always(HOOK),
    f"{ARGO}sync-options": _options,
    f"{ARGO}compare-options": _comparisons,
    f"{ARGO}tracking-id": _always(FOREIGN),
    f"{FLUX}name": _always(FOREIGN),
    f"{FLUX}namespace": _always(FOREIGN),
    "helm.toolkit.fluxcd.io/name": _always(FOREIGN),
    "helm.toolkit.fluxcd.io/namespace": _always(FOREIGN),
    "meta.helm.sh/release-name": _always(FOREIGN),
    "meta.helm.sh/release-namespace": _always(FOREIGN),
    f"{ARGO}deletion-approved": _always("approves its deletion before anybody has asked"),
    f"{ARGO}sync-wave": _never,
    f"{ARGO}ignore-healthcheck": _never,
    f"{ARGO}ignore-resource-updates": _never,
    f"{FLUX}reconcile": _where({"disabled": "keeps Flux from applying it, ever"}),
    f"{FLUX}ssa": _where(
        {
            "ignore": "keeps Flux from applying it, ever",
            "ifnotpresent": "lets Flux create it, and never change it after that",
            "merge": "lets what others add to it stay",
        }
    ),
    f"{FLUX}force": _where({"enabled": "deletes it and makes it anew where an update is refused"}),
    f"{FLUX}prune": _stays("disabled"),
    "helm.sh/hook": _always(HOOK),
    "helm.sh/hook-weight": _always(HOOK),
    "helm.sh/hook-delete-policy": _always(HOOK),
    "helm.sh/resource-policy": _stays("keep"),
    # The label of charts, which says nothing to any agent.
    "helm.sh/chart": _never,
    "config.kubernetes.io/local-config": _where(
        {"true": "keeps it out of what is applied, and deletes it where it is"}
    ),
    "configmanagement.gke.io/managed": _where({"disabled": "keeps it from being managed"}),
    "config.k8s.io/owning-inventory": _always(FOREIGN),
    "client.lifecycle.config.k8s.io/deletion": _stays("detach"),
    "cli-utils.sigs.k8s.io/on-remove": _stays("keep"),
    LAST_APPLIED: _always(f"is kubectl's own: {COPIED}, and a merge with it goes wrong"),
}
