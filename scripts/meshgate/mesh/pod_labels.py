"""The labels of a pod, apart from those that tell it from its siblings or from an older rollout.

Every controller adds such labels, and no policy can rest on them: the next pod has others.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshgate.mesh.selectors import Labels

# What controllers give to one pod of many, or to the pods of one rollout or one run.
OF_ONE_POD = frozenset(
    {
        "apps.kruise.io/cloneset-instance-id",
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-completion-index",
        "batch.kubernetes.io/job-name",
        "controller-revision-hash",
        "controller-uid",
        "job-name",
        "pod-template-generation",
        "pod-template-hash",
        "rollouts-pod-template-hash",
        "spark-exec-id",
        "statefulset.kubernetes.io/pod-name",
    }
)
# What ends the names of the ReplicaSets of a rollout, of Kubernetes and of Argo.
ROLLOUT_HASHES = ("pod-template-hash", "rollouts-pod-template-hash")
# What Istio's injection template adds.
INJECTED = frozenset(
    {
        "security.istio.io/tlsMode",
        "service.istio.io/canonical-name",
        "service.istio.io/canonical-revision",
    }
)


def lasting(labels: Labels, pod: str, template: Mapping[str, object] | None = None) -> Labels:
    """The labels that a pod shares with its siblings and with those to come.

    `pod` is its name: a label that repeats it is of this pod alone. `template` are the labels of
    its controller's template, where they are known: what is written there is of every pod.
    """
    own = template or {}
    return {
        key: value
        for key, value in labels.items()
        if key in own or not (key in OF_ONE_POD or key in INJECTED or value == pod)
    }
