"""A label or annotation asks for a sidecar, or for none, and nothing happens.

What it checks
    `sidecar.istio.io/inject` of pods, of the controllers that make them, and of namespaces, against
    what the injection webhook does: a setting that has no effect on them is reported. The webhook
    reads the labels of the namespace and the pod, the annotation only where both have called it,
    and never the controller's own metadata. Values other than
    `true` and `false` count as none. Of a namespace `istio-injection`, `istio.io/rev` and
    `istio.io/dataplane-mode` count as labels alone, with the values that they have.

    ```yaml
    kind: Deployment
    spec:
      template:
        metadata:
          annotations: {sidecar.istio.io/inject: "true"}   # namespace without a label: no sidecar
    ```

Why it matters
    Who reads the manifest believes in a sidecar that is not there: the workload accepts plaintext
    from anyone, whatever PeerAuthentication says, and STRICT servers refuse its calls. Or it has
    one that was to be left out.

How to fix
    Write it as a label of the pod template. For all pods of a namespace label the namespace
    `istio-injection: enabled`, or `istio.io/rev` with the revision.

Known gaps
    Workloads whose membership is not known are left out. Pods that were started before the label
    changed are judged by what runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshgate.mesh import DataPlane, Workload
from meshgate.mesh.catalog import REVISION_LABEL
from meshgate.mesh.controllers import template_of
from meshgate.mesh.injection import DATA_PLANE_MODE, IGNORED, INJECT, INJECTION
from meshgate.model import JSONObject, Resource, Severity, join_path
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

_YES = ("true", "yes", "on", "enabled", "1")
_NO = ("false", "no", "off", "disabled", "0")
# What is meant by a value, however it is written; the webhook knows `true` and `false` alone.
WANTED = {
    **dict.fromkeys(_YES, DataPlane.SIDECAR),
    **dict.fromkeys(_NO, DataPlane.NONE),
}
SPELLED = {DataPlane.SIDECAR: "true", DataPlane.NONE: "false"}
# The labels of a namespace that decide, with their values; None: any.
DECIDING: Mapping[str, tuple[str, ...] | None] = {
    INJECTION: ("enabled", "disabled"),
    DATA_PLANE_MODE: ("ambient", "none"),
    REVISION_LABEL: None,
}


def check(context: Context) -> Iterator[Violation]:
    if context.mesh is None:
        return
    for workload in context.mesh.workloads:
        if workload.kind != "WorkloadEntry" and workload.plane is not DataPlane.UNKNOWN:
            yield from of_workload(workload)
    for namespace in context.resources.of("Namespace"):
        yield from of_namespace(namespace)


def of_namespace(namespace: Resource) -> Iterator[Violation]:
    """The settings of one namespace that nobody reads."""
    if INJECT in {**namespace.labels, **namespace.annotations}:
        part = "labels" if INJECT in namespace.labels else "annotations"
        yield Violation(
            namespace,
            join_path("metadata", part, INJECT),
            f"{INJECT} on a Namespace is read by nobody: only pods have it",
            fix=f"label the namespace {INJECTION}: enabled, or disabled",
        )
    for key, values in DECIDING.items():
        if key in namespace.annotations and key not in namespace.labels:
            yield Violation(
                namespace,
                join_path("metadata", "annotations", key),
                f"{key} as an annotation is read by nobody: it is a label of the namespace",
                fix=f"write {key} below metadata.labels",
                key=key,
            )
        value = str(namespace.labels.get(key, ""))
        if key in namespace.labels and values is not None and value not in values:
            out = " and keeps sidecars out, whatever pods ask for" if key == INJECTION else ""
            yield Violation(
                namespace,
                join_path("metadata", "labels", key),
                f"{key}: {value or '(empty)'} means neither {' nor '.join(values)}{out}",
                fix=f"write {' or '.join(values)}",
                key=key,
            )


def of_workload(workload: Workload) -> Iterator[Violation]:
    """The settings for one workload's pods that have no effect."""
    template = metadata(template_of(workload.resource))
    label = mapping(template, "labels").get(INJECT)
    places = [("the pod's label", label, "labels", True)]
    if label is None:
        annotation = mapping(template, "annotations").get(INJECT)
        places.append(("the pod's annotation", annotation, "annotations", True))
    if workload.kind != "Pod":
        own = workload.resource
        places += [
            (f"the {own.kind}'s own {part.removesuffix('s')}", marks.get(INJECT), part, False)
            for part, marks in (("labels", own.labels), ("annotations", own.annotations))
        ]
    for what, value, part, on_pod in places:
        wanted = WANTED.get(str(value).lower())
        if wanted is None or fits(workload, wanted):
            continue
        yield Violation(
            workload.resource,
            place(workload, part, on_pod=on_pod),
            f"{what} {INJECT}: {value} does nothing: {workload} {has(workload)}, "
            f"{why(workload, part, on_pod=on_pod, value=str(value))}",
            fix=way_out(workload, wanted, by_label=part == "labels" and on_pod, value=str(value)),
            key=f"{part}:{on_pod}",
        )


def way_out(workload: Workload, wanted: DataPlane, *, by_label: bool, value: str) -> str:
    """What gives the pods what was asked for."""
    if wanted is DataPlane.SIDECAR and is_on_host(workload):
        return "take hostNetwork away, or the setting: pods in the host's network get no sidecar"
    if wanted is DataPlane.SIDECAR and workload.namespace in IGNORED:
        return f"move it out of {workload.namespace}, or remove the setting: no sidecars are there"
    if not by_label or value != SPELLED[wanted]:
        return f'label the pod template {INJECT}: "{SPELLED[wanted]}"'
    return f"label namespace {workload.namespace} {INJECTION}: enabled"


def is_on_host(workload: Workload) -> bool:
    """Whether the pods use the network of the host."""
    return mapping(template_of(workload.resource), "spec").get("hostNetwork") is True


def fits(workload: Workload, wanted: DataPlane) -> bool:
    """Whether the pods are what was asked for."""
    if wanted is DataPlane.SIDECAR:
        return workload.plane in {DataPlane.SIDECAR, DataPlane.GATEWAY}
    # The proxy of a gateway or waypoint is in its template: nobody injects it.
    return workload.plane is not DataPlane.SIDECAR


def has(workload: Workload) -> str:
    """Whether the pods have a sidecar."""
    there = workload.plane in {DataPlane.SIDECAR, DataPlane.GATEWAY}
    return "has a sidecar all the same" if there else "has no sidecar"


def why(workload: Workload, part: str, *, on_pod: bool, value: str) -> str:
    """Why the webhook does not do as it is asked."""
    if not on_pod:
        return "since only the metadata of the pod template counts"
    if is_on_host(workload):
        return "since its pods use the network of the host"
    if value not in SPELLED.values():
        return "since the webhook knows the values true and false alone"
    if part == "annotations":
        return f"since no label of namespace {workload.namespace} or of the pod calls the webhook"
    return f"since namespace {workload.namespace} keeps the webhook out"


def place(workload: Workload, part: str, *, on_pod: bool) -> str:
    """The path of the setting."""
    if not on_pod or workload.kind == "Pod":
        return join_path("metadata", part, INJECT)
    above = ("spec", "jobTemplate") if workload.kind == "CronJob" else ()
    return join_path(*above, "spec", "template", "metadata", part, INJECT)


def metadata(template: JSONObject) -> JSONObject:
    return mapping(template, "metadata")


def mapping(value: JSONObject, key: str) -> JSONObject:
    nested = value.get(key)
    return nested if isinstance(nested, dict) else {}


RULE = Rule(
    id="CA012",
    name="injection-setting-without-effect",
    severity=Severity.ERROR,
    summary="A label or annotation asks for a sidecar, or for none, and nothing happens.",
    fix="write sidecar.istio.io/inject as a label of the pod template, or label the namespace",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({"Namespace"}),
    check=check,
)
