"""The fields of live objects that meshgate reads; nothing else ever leaves the cluster.

No environment variables, no images, no volumes, no annotations but those that decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from meshgate.mesh.pod_labels import OF_ONE_POD
from meshgate.mesh.unread.pods import PROXY_USER
from meshgate.model import JSON, JSONObject

PROXY = "istio-proxy"
AUTOMATIC = "auto"
ALWAYS = "Always"
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
# Arguments of a proxy that is no sidecar.
ROLES = frozenset({"router", "waypoint"})

# Annotations that decide, by name or by the beginning of it.
ANNOTATIONS = (
    "ambient.istio.io/bypass-inbound-capture",
    "experimental.istio.io/disable-gateway-port-translation",
    "inject.istio.io/templates",
    "istio.io/dry-run",
    "istio.io/reroute-virtual-interfaces",
    "kubernetes.io/ingress.class",
    "networking.istio.io/exportTo",
    "sidecar.istio.io/bootstrapOverride",
    "sidecar.istio.io/inject",
    "sidecar.istio.io/interceptionMode",
    "sidecar.istio.io/rewriteAppHTTPProbers",
    "traffic.sidecar.istio.io/",
)
# Kinds in whose templates the API server writes labels of one rollout or run.
MADE_BY_SERVER = frozenset({"ReplicaSet", "Job"})
SERVICE_LABELS = "istio.io/"
SLICE_OF = "kubernetes.io/service-name"


def redacted(value: JSONObject) -> JSONObject:
    """A live object with the fields that are read, in the order people write them."""
    head = {"apiVersion": value["apiVersion"], "kind": value["kind"]}
    shape = SHAPES.get(value["kind"])
    safe: JSONObject = head | without_empty(shape(value) if shape else _decides(value))
    if shape is None:
        # As it stands: an empty `tls` turns TLS off, an empty selector selects.
        part = PARTS.get(value["kind"])
        safe["spec"] = part(value.get("spec") or {}) if part else value.get("spec", {})
        if "specs" in value:
            # The other rules of a network policy of Cilium.
            safe["specs"] = value["specs"]
    return safe


def metadata(value: JSONObject, labels: Mapping[str, JSON] | None = None) -> JSONObject:
    """Name, namespace, these labels, and the annotations that decide."""
    own = value.get("metadata") or {}
    return {
        "name": own.get("name"),
        "namespace": own.get("namespace"),
        "labels": dict(labels or {}),
        "annotations": decisive(own),
    }


def decisive(own: JSONObject) -> JSONObject:
    """The annotations that decide, of an object's metadata."""
    return {
        key: text
        for key, text in sorted((own.get("annotations") or {}).items())
        if key.startswith(ANNOTATIONS)
    }


def labels(value: JSONObject) -> JSONObject:
    """The labels of an object's metadata, without those that tell one pod from another."""
    own = _labels(value)
    return {key: own[key] for key in sorted(own.keys() - OF_ONE_POD)}


def _labels(value: JSONObject) -> JSONObject:
    return (value.get("metadata") or {}).get("labels") or {}


def pod_spec(spec: JSONObject) -> JSONObject:
    """What a pod listens on, how it is probed, and whether it has a proxy."""
    account = spec.get("serviceAccountName")
    return {
        "hostNetwork": spec.get("hostNetwork") or None,
        "securityContext": _identity(spec),
        "serviceAccountName": account if account != "default" else None,
        "initContainers": [
            {**container(entry), "restartPolicy": ALWAYS}
            for entry in spec.get("initContainers") or ()
            if entry.get("restartPolicy") == ALWAYS
        ],
        "containers": [container(entry) for entry in spec.get("containers") or ()],
    }


def container(value: JSONObject) -> JSONObject:
    """A container; of the proxy only what kind of proxy it is."""
    if value.get("name") == PROXY:
        roles = [entry for entry in value.get("args") or () if entry in ROLES]
        automatic = value.get("image") == AUTOMATIC
        return {"name": PROXY, "image": AUTOMATIC if automatic else None, "args": roles}
    return {
        "name": value.get("name"),
        "securityContext": _identity(value),
        "ports": [
            _port(entry, ("name", "containerPort", "protocol"))
            for entry in value.get("ports") or ()
        ],
        **{name: _probe(value[name]) for name in PROBES if value.get(name)},
        "lifecycle": {
            name: _probe(hook) for name, hook in (value.get("lifecycle") or {}).items() if hook
        },
    }


def _identity(value: JSONObject) -> JSONObject:
    """The user and group of a pod or container, where they are the proxy's: not captured then."""
    own = value.get("securityContext") or {}
    return {key: own[key] for key in ("runAsUser", "runAsGroup") if own.get(key) == PROXY_USER}


def template(value: JSONObject, kind: str) -> JSONObject:
    """The pod template of a controller of this kind.

    The API server writes into those of ReplicaSets and Jobs what tells them from others; in any
    other each label was written for all pods.
    """
    own = value.get("metadata") or {}
    written = labels(value) if kind in MADE_BY_SERVER else dict(sorted(_labels(value).items()))
    return {
        "metadata": {"labels": written, "annotations": decisive(own)},
        "spec": pod_spec(value.get("spec") or {}),
    }


def without_empty(value: JSON) -> JSON:
    """The value without fields that say nothing: null, empty mappings and lists, at any depth."""
    if isinstance(value, dict):
        inner = {key: without_empty(each) for key, each in value.items()}
        return {key: each for key, each in inner.items() if each not in (None, {}, [])}
    if isinstance(value, list):
        return [without_empty(each) for each in value]
    return value


def _port(port: JSONObject, fields: Iterable[str]) -> JSONObject:
    return {
        field: port[field]
        for field in fields
        if port.get(field) not in (None, "") and (field, port[field]) != ("protocol", "TCP")
    }


def _probe(probe: JSONObject) -> JSONObject:
    asks = {
        "httpGet": ("path", "port", "scheme", "host"),
        "grpc": ("port", "service"),
        "tcpSocket": ("port",),
    }
    return {
        how: {
            field: probe[how][field]
            for field in fields
            if probe[how].get(field) not in (None, "", "HTTP")
        }
        for how, fields in asks.items()
        if probe.get(how)
    }


def _namespace(value: JSONObject) -> JSONObject:
    return {"metadata": {"name": value["metadata"]["name"], "labels": labels(value)}}


def _service(value: JSONObject) -> JSONObject:
    spec = value.get("spec") or {}
    own = {key: entry for key, entry in labels(value).items() if key.startswith(SERVICE_LABELS)}
    external = spec.get("type") == "ExternalName"
    return {
        "metadata": metadata(value, own),
        "spec": {
            "type": "ExternalName" if external else None,
            "externalName": spec.get("externalName") if external else None,
            "clusterIP": "None" if spec.get("clusterIP") == "None" else None,
            "selector": spec.get("selector"),
            "ports": [
                _port(entry, ("name", "port", "targetPort", "protocol", "appProtocol"))
                for entry in spec.get("ports") or ()
            ],
        },
    }


def _slice(value: JSONObject) -> JSONObject:
    own = (value["metadata"].get("labels") or {}).get(SLICE_OF)
    endpoints = [
        {
            "addresses": entry.get("addresses"),
            "conditions": {"ready": (entry.get("conditions") or {}).get("ready")},
            "targetRef": {
                key: (entry.get("targetRef") or {}).get(key)
                for key in ("kind", "namespace", "name")
            },
        }
        for entry in value.get("endpoints") or ()
    ]
    return {
        "metadata": metadata(value, {SLICE_OF: own}),
        "addressType": value.get("addressType"),
        "ports": [
            _port(entry, ("name", "port", "protocol", "appProtocol"))
            for entry in value.get("ports") or ()
        ],
        "endpoints": sorted(endpoints, key=lambda entry: entry["addresses"] or []),
    }


def _controller(value: JSONObject) -> JSONObject:
    spec = value.get("spec") or {}
    return {
        "metadata": metadata(value),
        "spec": {
            "serviceName": spec.get("serviceName"),
            "selector": spec.get("selector") if value["kind"] != "Job" else None,
            "template": template(spec.get("template") or {}, value["kind"]),
        },
    }


def _cron_job(value: JSONObject) -> JSONObject:
    spec = value.get("spec") or {}
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    return {
        "metadata": metadata(value),
        "spec": {
            "schedule": spec.get("schedule"),
            "jobTemplate": {
                "spec": {"template": template(job.get("template") or {}, value["kind"])}
            },
        },
    }


def _pod(value: JSONObject) -> JSONObject:
    return {
        "metadata": metadata(value, labels(value)),
        "spec": pod_spec(value.get("spec") or {}),
    }


def _webhooks(value: JSONObject) -> JSONObject:
    """Where the API server calls into the mesh; one that it calls by URL does not."""
    called = [webhook for webhook in value.get("webhooks") or () if _target(webhook)]
    return {
        "metadata": {"name": value["metadata"]["name"]},
        "webhooks": [
            {
                "name": webhook.get("name"),
                "admissionReviewVersions": webhook.get("admissionReviewVersions"),
                "sideEffects": webhook.get("sideEffects"),
                "failurePolicy": webhook.get("failurePolicy"),
                "clientConfig": {"service": _service_of(_target(webhook))},
            }
            for webhook in called
        ],
    }


def _target(webhook: JSONObject) -> JSONObject:
    target: JSONObject = (webhook.get("clientConfig") or {}).get("service") or {}
    return target


def _service_of(service: JSONObject) -> JSONObject:
    return {key: service[key] for key in ("namespace", "name", "port") if key in service}


def _decides(value: JSONObject) -> JSONObject:
    """The head of an object that decides, with its age, by which Istio settles conflicts."""
    own = metadata(value, labels(value))
    own["creationTimestamp"] = value["metadata"].get("creationTimestamp")
    return {"metadata": own}


def _patched(spec: JSONObject) -> JSONObject:
    """Where an EnvoyFilter applies. What it patches in is free text, and may hold credentials."""
    return {
        **{key: spec[key] for key in ("workloadSelector", "targetRefs") if key in spec},
        "configPatches": [
            {key: patch[key] for key in ("applyTo", "match") if key in patch}
            for patch in spec.get("configPatches") or ()
        ],
    }


def _extended(spec: JSONObject) -> JSONObject:
    """Where code is loaded into proxies, and nothing of it."""
    remaining = ("selector", "targetRef", "targetRefs", "match", "phase")
    return {key: spec[key] for key in remaining if key in spec}


def _set_up(spec: JSONObject) -> JSONObject:
    """Which proxies a ProxyConfig is for, and the names of the variables that it sets."""
    names = dict.fromkeys(spec.get("environmentVariables") or {}, "")
    remaining = {"selector": spec["selector"]} if "selector" in spec else {}
    return {**remaining, **({"environmentVariables": names} if names else {})}


def _ingress(spec: JSONObject) -> JSONObject:
    """Which controller an Ingress is for."""
    return {key: spec[key] for key in ("ingressClassName",) if key in spec}


def _proxied_by_cilium(spec: JSONObject) -> JSONObject:
    """The Services whose calls a CiliumEnvoyConfig leads through a proxy."""
    return {key: spec[key] for key in ("services",) if key in spec}


# What is kept of a spec that may hold more than where it applies.
PARTS: dict[str, Callable[[JSONObject], JSONObject]] = {
    "EnvoyFilter": _patched,
    "WasmPlugin": _extended,
    "TrafficExtension": _extended,
    "ProxyConfig": _set_up,
    "Ingress": _ingress,
    "CiliumEnvoyConfig": _proxied_by_cilium,
    "CiliumClusterwideEnvoyConfig": _proxied_by_cilium,
}
SHAPES: dict[str, Callable[[JSONObject], JSONObject]] = {
    "Namespace": _namespace,
    "Service": _service,
    "EndpointSlice": _slice,
    "Deployment": _controller,
    "StatefulSet": _controller,
    "DaemonSet": _controller,
    "ReplicaSet": _controller,
    "Job": _controller,
    "CronJob": _cron_job,
    "Pod": _pod,
    "MutatingWebhookConfiguration": _webhooks,
    "ValidatingWebhookConfiguration": _webhooks,
}
