"""The GitRepository, the Kustomization and the rights of one environment."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from meshgate.cluster.sync.target import AllowedKind, SyncTarget
from meshgate.errors import UsageError
from meshgate.model import JSONObject

SOURCE_API = "source.toolkit.fluxcd.io/v1"
KUSTOMIZE_API = "kustomize.toolkit.fluxcd.io/v1"
RBAC_GROUP = "rbac.authorization.k8s.io"
RBAC_API = f"{RBAC_GROUP}/v1"

ENVIRONMENT_LABEL = "meshgate/environment"
RETRY_INTERVAL = "30s"
TIMEOUT = "2m"
# Flux puts nothing in, not even defaults, where it is given no variable at all.
ENABLED = {"var_substitution_enabled": "true"}
# Server-side apply, pruning, and `list` where the controller is told to cache for health checks.
VERBS = ["create", "delete", "get", "list", "patch"]


def objects(target: SyncTarget) -> list[JSONObject]:
    """Flux objects of one environment, with their rights. Raises UsageError for a missing key."""
    return [_account(target), *_rights(target), _repository(target), _kustomization(target)]


def ignored(folders: Iterable[str]) -> list[str]:
    """Lines of a `.sourceignore` that leave nothing but these folders, two levels deep at most."""
    lines = ["/*"]
    for top, below in itertools.groupby(sorted(set(folders)), lambda f: f.partition("/")[0]):
        lines.append(f"!/{top}")
        inner = [folder for folder in below if folder != top]
        if inner:
            lines += [f"/{top}/*", *(f"!/{folder}" for folder in inner)]
    return lines


def _repository(target: SyncTarget) -> JSONObject:
    spec: JSONObject = {
        "url": target.sync.repository,
        "ref": {"tag": target.sync.tag} if target.sync.tag else {"branch": target.revision},
        "interval": target.sync.flux.interval,
        "timeout": "60s",
        **_verification(target),
        "ignore": "\n".join(ignored(target.folders)) + "\n",
    }
    if target.sync.flux.secret:
        spec["secretRef"] = {"name": target.sync.flux.secret}
    return _object(target, SOURCE_API, "GitRepository", spec=spec)


def _verification(target: SyncTarget) -> JSONObject:
    if not target.sync.verify:
        return {}
    mode = target.sync.verify.mode
    if target.sync.verify.secret is None:
        raise UsageError(
            "environments.yaml: `sync.verify` has no `secret`",
            why="Flux would sync what nobody signed.",
            hint=f"name the Secret in {target.sync.flux.namespace} that holds the public keys",
        )
    if mode != "HEAD" and target.sync.tag is None:
        raise UsageError(
            f"environments.yaml: `sync.verify.mode` is {mode}, and `sync` has no tag",
            hint="add `tag`, or verify HEAD",
        )
    return {"verify": {"mode": mode, "secretRef": {"name": target.sync.verify.secret}}}


def _kustomization(target: SyncTarget) -> JSONObject:
    spec: JSONObject = {
        "sourceRef": {"kind": "GitRepository", "name": target.name},
        "path": f"./{target.path}",
        "serviceAccountName": target.name,
        "prune": True,
        "deletionPolicy": "Orphan",
        "force": False,
        "wait": True,
        "interval": target.sync.flux.interval,
        "retryInterval": RETRY_INTERVAL,
        "timeout": TIMEOUT,
    }
    if target.has_variables:
        # Of a pinned environment promotion has written the values into the files already.
        spec["postBuild"] = {"substitute": target.environment.values or ENABLED}
    return _object(target, KUSTOMIZE_API, "Kustomization", spec=spec)


def _account(target: SyncTarget) -> JSONObject:
    return _object(target, "v1", "ServiceAccount")


def _rights(target: SyncTarget) -> Iterator[JSONObject]:
    """The policy kinds, in the namespaces of the policies, and nothing else."""
    subject = {
        "kind": "ServiceAccount",
        "name": target.name,
        "namespace": target.sync.flux.namespace,
    }
    inside = [kind for kind in target.kinds if not kind.cluster_wide]
    for namespace in target.namespaces:
        yield from _bound(target, "Role", inside, subject, namespace)
    if anywhere := [kind for kind in target.kinds if kind.cluster_wide]:
        yield from _bound(target, "ClusterRole", anywhere, subject, None)


def _bound(
    target: SyncTarget,
    role: str,
    kinds: Iterable[AllowedKind],
    subject: JSONObject,
    namespace: str | None,
) -> Iterator[JSONObject]:
    by_group = itertools.groupby(sorted(kinds), lambda kind: kind.group)
    rules = [
        {
            "apiGroups": [group],
            "resources": sorted(kind.plural for kind in members),
            "verbs": VERBS,
        }
        for group, members in by_group
    ]
    reference = {"apiGroup": RBAC_GROUP, "kind": role, "name": target.name}
    yield _object(target, RBAC_API, role, namespace, rules=rules)
    yield _object(
        target, RBAC_API, f"{role}Binding", namespace, roleRef=reference, subjects=[subject]
    )


def _object(
    target: SyncTarget, api: str, kind: str, namespace: str | None = "", **content: object
) -> JSONObject:
    """An object of the target, in Flux's namespace unless another, or none, is given."""
    where = target.sync.flux.namespace if namespace == "" else namespace
    metadata = {
        "name": target.name,
        **({"namespace": where} if where else {}),
        "labels": {ENVIRONMENT_LABEL: target.environment.name},
    }
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **content}
