"""The AppProject and the ApplicationSet of one environment."""

from __future__ import annotations

from meshgate.cluster.sync.target import SyncTarget
from meshgate.cluster.sync.waves import refuse_waves
from meshgate.cluster.sync.windows import sync_windows
from meshgate.errors import UsageError
from meshgate.model import JSONObject

API = "argoproj.io/v1alpha1"
ENVIRONMENT_LABEL = "meshgate/environment"

SYNC_POLICY: JSONObject = {
    "automated": {"prune": True, "selfHeal": True, "allowEmpty": False},
    "syncOptions": [
        "ServerSideApply=true",
        "FailOnSharedResource=true",
        "PruneLast=true",
        "PrunePropagationPolicy=background",
        "CreateNamespace=false",
    ],
    "retry": {"limit": 5, "backoff": {"duration": "10s", "factor": 2, "maxDuration": "3m"}},
}


def objects(target: SyncTarget) -> list[JSONObject]:
    """The AppProject and ApplicationSet of one environment. Raises UsageError for a missing key."""
    if not target.selector:
        raise UsageError(
            f"environments.yaml: {target.environment.name} has no `clusters.selector`",
            why="Argo CD would sync it to no cluster, or to every one.",
            hint="add the labels of its clusters: `clusters: {selector: {mesh-env: …}}`",
        )
    if target.has_variables:
        raise UsageError(
            f"{target.environment.name} has variables, `${{NAME}}`, and follows its sources",
            why="Argo CD puts no values in: clusters would get the text as it is.",
            hint="set `mode: pinned`, so that clusters sync what promotion has written with the "
            "values of `substitute`; or let Flux sync it",
        )
    refuse_waves(target, ENVIRONMENT_LABEL)
    return [_project(target), _applications(target)]


def _project(target: SyncTarget) -> JSONObject:
    whitelist: dict[bool, list[JSONObject]] = {True: [], False: []}
    for kind in target.kinds:
        whitelist[kind.cluster_wide].append({"group": kind.group, "kind": kind.kind})
    spec: JSONObject = {
        "description": f"Mutual TLS policies of {target.environment.name}",
        "sourceRepos": [target.sync.repository],
        **_integrity(target),
        # The entry without a namespace is for the Application itself, which has none: an object
        # without a namespace must fail, not land somewhere.
        "destinations": [
            {"name": name, **where}
            for name in target.cluster_names
            for where in ({}, *({"namespace": namespace} for namespace in target.namespaces))
        ],
        "clusterResourceWhitelist": whitelist[True],
        "namespaceResourceWhitelist": whitelist[False],
    }
    if windows := sync_windows(target.windows):
        spec["syncWindows"] = windows
    return {"apiVersion": API, "kind": "AppProject", "metadata": _metadata(target), "spec": spec}


def _integrity(target: SyncTarget) -> JSONObject:
    if not target.sync.verify:
        return {}
    if target.sync.verify.keys is None:
        raise UsageError(
            "environments.yaml: `sync.verify` has no `keys`",
            why="Argo CD would sync what nobody signed.",
            hint="list the ids of the GnuPG keys that Argo CD has in its keyring",
        )
    policy = {
        "repos": [{"url": target.sync.repository}],
        "gpg": {"mode": "head", "keys": list(target.sync.verify.keys)},
    }
    return {"sourceIntegrity": {"git": {"policies": [policy]}}}


def _applications(target: SyncTarget) -> JSONObject:
    spec = {
        "goTemplate": True,
        "goTemplateOptions": ["missingkey=error"],
        "generators": [{"clusters": {"selector": {"matchLabels": target.selector}}}],
        # A label that is lost deletes no Application, and a deleted Application no policy.
        "syncPolicy": {"applicationsSync": "create-update", "preserveResourcesOnDeletion": True},
        **_strategy(target),
        "template": {
            "metadata": {
                "name": target.name + "-{{.nameNormalized}}",
                "labels": {
                    ENVIRONMENT_LABEL: target.environment.name,
                    **{
                        label: f'{{{{index .metadata.labels "{label}"}}}}'
                        for label in _labels(target)
                    },
                },
                "annotations": {
                    "argocd.argoproj.io/manifest-generate-paths": ";".join(
                        f"/{folder}" for folder in target.folders
                    ),
                },
            },
            "spec": {
                "project": target.name,
                "source": _source(target),
                "destination": {"name": "{{.name}}"},
                "syncPolicy": SYNC_POLICY,
            },
        },
    }
    metadata = _metadata(target)
    return {"apiVersion": API, "kind": "ApplicationSet", "metadata": metadata, "spec": spec}


def _strategy(target: SyncTarget) -> JSONObject:
    """One step for each wave: the next begins when all Applications of this one are healthy.

    For that the controller takes the automatic sync out of the Applications, also of those that
    were there before: what somebody else writes to their syncPolicy cannot stand.
    """
    if not target.waves:
        # Who stops the sync of a cluster at night finds it stopped a minute later, too.
        return {"ignoreApplicationDifferences": [{"jsonPointers": ["/spec/syncPolicy"]}]}
    steps = [
        {
            "matchExpressions": [
                {"key": label, "operator": "In", "values": [value]} for label, value in wave.items()
            ]
        }
        for wave in target.waves
    ]
    return {"strategy": {"type": "RollingSync", "rollingSync": {"steps": steps}}}


def _labels(target: SyncTarget) -> list[str]:
    """The labels of clusters that steps look for: Applications carry them, too."""
    return sorted({label for wave in target.waves for label in wave})


def _source(target: SyncTarget) -> JSONObject:
    source: JSONObject = {
        "repoURL": target.sync.repository,
        "targetRevision": target.revision,
        "path": target.path,
    }
    if target.pinned:
        source["directory"] = {"recurse": True, "include": "*.yaml"}
    return source


def _metadata(target: SyncTarget) -> JSONObject:
    return {
        "name": target.name,
        "namespace": target.sync.argocd.namespace,
        "labels": {ENVIRONMENT_LABEL: target.environment.name},
    }
