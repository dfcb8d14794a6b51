"""From Kubernetes' OpenAPI v3 to strict JSON Schemas, each complete in itself."""

from __future__ import annotations

import json
from collections.abc import Mapping

from meshgate.errors import ToolError
from meshgate.model import JSON, JSONObject
from meshgate.schema.update.structural import strict

REFERENCE = "#/components/schemas/"
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
# A file that some files of this package lean on for ObjectMeta.
META_FILE = "api__v1_openapi.json"

DIALECT = "https://json-schema.org/draft/2020-12/schema"

LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = rf"{LABEL}(\.{LABEL})*"
QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]"
# `description` is what `meshgate.schema.wording` says in place of a pattern.
DNS_LABEL: JSONObject = {
    "type": "string",
    "pattern": f"^{LABEL}$",
    "maxLength": 63,
    "description": "a DNS label: lower-case letters, digits and dashes inside",
}
DNS_SUBDOMAIN: JSONObject = {
    "type": "string",
    "pattern": f"^{SUBDOMAIN}$",
    "maxLength": 253,
    "description": "a DNS name: lower-case letters, digits, dashes and dots inside",
}
LABEL_VALUE: JSONObject = {
    "type": "string",
    "pattern": f"^({QUALIFIED})?$",
    "description": "a label value: at most 63 letters, digits, dashes, dots and underscores",
}
# The kinds whose name is one DNS label (their Go validation; for others it is a subdomain).
NAMED_BY_LABEL = frozenset({"Namespace", "Service"})
CLUSTER_WIDE = frozenset(
    {"Namespace", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}
)

IDENTITY = ("apiVersion", "kind", "metadata")

KINDS: Mapping[str, tuple[str, ...]] = {
    "api__v1_openapi.json": (
        "ConfigMap",
        "Endpoints",
        "Namespace",
        "Pod",
        "Service",
        "ServiceAccount",
    ),
    "apis__admissionregistration.k8s.io__v1_openapi.json": (
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    ),
    "apis__apps__v1_openapi.json": ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
    "apis__batch__v1_openapi.json": ("CronJob", "Job"),
    "apis__discovery.k8s.io__v1_openapi.json": ("EndpointSlice",),
    "apis__networking.k8s.io__v1_openapi.json": ("NetworkPolicy",),
}


def definitions(document: bytes) -> JSONObject:
    """The schemas of one OpenAPI document, by full name."""
    schemas: JSONObject = json.loads(document)["components"]["schemas"]
    return schemas


def kind_schema(kind: str, schemas: JSONObject) -> tuple[str, str, JSONObject]:
    """Group, version and self-contained JSON Schema of one built-in kind."""
    for node in schemas.values():
        for served in node.get("x-kubernetes-group-version-kind", ()):
            if served["kind"] == kind:
                return served["group"], served["version"], complete(node, kind, schemas)
    raise ToolError(f"the OpenAPI of Kubernetes has no kind {kind}")


def complete(root: JSONObject, kind: str, schemas: JSONObject) -> JSONObject:
    """The schema with every definition it leans on, and the API server's rules for names."""
    bundle = Bundle(schemas)
    out = bundle.object(root, kind, nullable=False)
    out["required"] = sorted({*out.get("required", ()), *IDENTITY})
    out["properties"] |= {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": bundle.metadata(kind),
    }
    return {"$schema": DIALECT, **out, "$defs": bundle.defs}


class Bundle:
    """The definitions that one file needs, by short name."""

    def __init__(self, schemas: JSONObject) -> None:
        self.defs: JSONObject = {}
        self._schemas = schemas
        self._full_names: dict[str, str] = {}

    def metadata(self, kind: str) -> JSONObject:
        """ObjectMeta with a name, as the API server wants it of this kind."""
        name = DNS_LABEL if kind in NAMED_BY_LABEL else DNS_SUBDOMAIN
        return {
            **self.reference(f"{META}ObjectMeta"),
            "type": "object",
            "properties": {"name": name, "namespace": DNS_LABEL},
            "anyOf": [{"required": ["name"]}, {"required": ["generateName"]}],
        }

    def object(self, node: JSONObject, place: str, *, nullable: bool) -> JSONObject:
        """A definition with fields: closed, and each optional field may be null.

        Go reads null as the field's zero value, so the API server accepts it.
        """
        required = node.get("required", ())
        out: JSONObject = {"type": ["object", "null"] if nullable else "object"}
        out["additionalProperties"] = False
        out["properties"] = {
            name: self.field(value, f"{place}.{name}", nullable=name not in required)
            for name, value in node["properties"].items()
        }
        if required:
            out["required"] = list(required)
        return out

    def field(self, node: JSONObject, place: str, *, nullable: bool) -> JSONObject:
        """The schema of a field, an item of a list or a value of a map."""
        target = _target(node)
        if target is not None:
            return self._referred(target, place, nullable=nullable)
        if "items" in node:
            items = self.field(node["items"], f"{place}[]", nullable=False)
            return {"type": ["array", "null"] if nullable else "array", "items": items}
        if isinstance(node.get("additionalProperties"), dict):
            values = self.field(node["additionalProperties"], f"{place}.*", nullable=False)
            kind = ["object", "null"] if nullable else "object"
            return {"type": kind, "additionalProperties": values}
        return _scalar(node, place, nullable=nullable)

    def _referred(self, target: str, place: str, *, nullable: bool) -> JSONObject:
        definition = self._schemas[target]
        if "properties" not in definition:
            return self.field(definition, place, nullable=nullable)
        reference = self.reference(target)
        # The definition allows null, as most fields do; this one does not.
        return reference if nullable else {**reference, "type": "object"}

    def reference(self, target: str) -> JSONObject:
        """A reference to a definition, which is added if it is not there yet."""
        short = target.rpartition(".")[2]
        if self._full_names.setdefault(short, target) != target:
            raise ToolError(f"two definitions are named {short}: {target} and another")
        if short not in self.defs:
            self.defs[short] = {}  # definitions may lean on each other in a circle
            self.defs[short] = self.object(self._schemas[target], short, nullable=True)
            if target == f"{META}ObjectMeta":
                self.defs[short]["properties"] |= METADATA_FIELDS
        return {"$ref": f"#/$defs/{short}"}


# apimachinery's ValidateObjectMeta and ValidateLabels.
METADATA_FIELDS: JSONObject = {
    "generateName": {"type": ["string", "null"], "maxLength": 253},
    "labels": {
        "type": ["object", "null"],
        "propertyNames": {"pattern": f"^({SUBDOMAIN}/)?{QUALIFIED}$", "maxLength": 317},
        "additionalProperties": LABEL_VALUE,
    },
}


def _target(node: JSONObject) -> str | None:
    """The definition a node refers to; v3 wraps a reference that has a default in `allOf`."""
    for part in (node, *node.get("allOf", ())):
        if "$ref" in part:
            return str(part["$ref"]).removeprefix(REFERENCE)
    return None


def _scalar(node: JSONObject, place: str, *, nullable: bool) -> JSONObject:
    if "oneOf" in node:  # IntOrString, Quantity
        types = [option["type"] for option in node["oneOf"]]
        return {"type": [*types, "null"] if nullable else types}
    if node.get("type") == "object" and "properties" not in node:
        return {"type": ["object", "null"] if nullable else "object"}
    ignored: dict[str, JSON] = {"x-kubernetes-list-type": None, "x-kubernetes-list-map-keys": None}
    bare = {key: value for key, value in node.items() if key not in ignored}
    return strict({**bare, "nullable": nullable}, place)
