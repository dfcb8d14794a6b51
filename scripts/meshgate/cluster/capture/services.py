"""From live Services to those of an inventory, whose pods have no labels of one pod or rollout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.cluster.capture.redact import redacted
from meshgate.mesh.controllers import owner_of
from meshgate.mesh.pod_labels import INJECTED, lasting
from meshgate.mesh.selectors import labels, matches
from meshgate.model import JSONObject


def services(live: Iterable[JSONObject], pods: Iterable[JSONObject]) -> Iterator[JSONObject]:
    """The Services with the fields that are read.

    One that selects by a label of one pod or one rollout selects, in the inventory, by what the
    pods that it reaches now have in common and keep.
    """
    by_namespace: dict[str, list[JSONObject]] = {}
    for pod in pods:
        by_namespace.setdefault(pod["metadata"].get("namespace") or "", []).append(pod)
    for value in live:
        service = redacted(value)
        selector = labels(service.get("spec", {}).get("selector"))
        if selector:
            own = value["metadata"].get("namespace") or ""
            if shared := _shared(selector, by_namespace.get(own, ())):
                service["spec"]["selector"] = shared
        yield service


def _shared(selector: dict[str, str], pods: Iterable[JSONObject]) -> dict[str, str]:
    """What replaces a selector; empty: it can stay."""
    reached = [
        pod["metadata"] for pod in pods if matches(selector, labels(pod["metadata"].get("labels")))
    ]
    # A pod that nobody made stands in the inventory itself.
    made = [(own, own["name"] if owner_of(own) is not None else "") for own in reached]
    shared = [lasting(labels(own.get("labels")), name) for own, name in made]
    given = {key: value for key, value in selector.items() if key not in INJECTED}
    if all(matches(given, own) for own in shared):
        return {}
    common = set.intersection(*(set(own.items()) for own in shared))
    return dict(sorted(common))
