"""The fields of a kustomization that change every object, and what they do to one.

Followed as far as they touch metadata; what they do to selectors, templates and references shows
as a difference to what was rendered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from meshgate.model import CLUSTER_WIDE_KINDS, JSONObject
from meshgate.source.kustomization import Kustomization

# Objects whose name no prefix or suffix changes (PrefixTransformer).
KEEPS_NAME = frozenset({"APIService", "CustomResourceDefinition", "Namespace"})
# What changes objects in ways that are not followed one by one.
OTHERS = (
    "replacements",
    "images",
    "imageTags",
    "replicas",
    "transformers",
    "vars",
    "configurations",
    "labels",
    "commonLabels",
    "commonAnnotations",
    "namespace",
    "namePrefix",
    "nameSuffix",
)


def transformers(
    kustomization: Kustomization,
) -> Iterator[tuple[str, Callable[[JSONObject], JSONObject]]]:
    """The fields that change every object, in kustomize's order, and what they do to one."""
    value = kustomization.value
    namespace = value.get("namespace")
    if namespace:
        yield "namespace", lambda manifest: _namespaced(manifest, str(namespace))
    for key, form in (("namePrefix", "{0}{1}"), ("nameSuffix", "{1}{0}")):
        affix = value.get(key)
        if affix:
            yield key, partial(_renamed, form=form, affix=str(affix))
    pairs: JSONObject = {}
    for item in kustomization.list("labels"):
        if isinstance(item, dict) and isinstance(item.get("pairs"), dict):
            pairs.update(item["pairs"])
    if pairs:
        yield "labels", lambda manifest: _with(manifest, "labels", pairs)
    for key, where in (("commonLabels", "labels"), ("commonAnnotations", "annotations")):
        common = value.get(key)
        if isinstance(common, dict) and common:
            yield key, partial(_with, where=where, pairs=common)


def _metadata(value: JSONObject) -> JSONObject:
    metadata = value.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _namespaced(value: JSONObject, namespace: str) -> JSONObject:
    if value.get("kind") == "Namespace" and value.get("apiVersion") == "v1":
        return {**value, "metadata": {**_metadata(value), "name": namespace}}
    if value.get("kind") in CLUSTER_WIDE_KINDS:
        return value
    return {**value, "metadata": {**_metadata(value), "namespace": namespace}}


def _renamed(value: JSONObject, form: str, affix: str) -> JSONObject:
    if value.get("kind") in KEEPS_NAME:
        return value
    metadata = _metadata(value)
    return {**value, "metadata": {**metadata, "name": form.format(affix, metadata.get("name", ""))}}


def _with(value: JSONObject, where: str, pairs: JSONObject) -> JSONObject:
    metadata = _metadata(value)
    there = metadata.get(where)
    texts = {key: str(text) for key, text in pairs.items()}
    return {
        **value,
        "metadata": {**metadata, where: {**(there if isinstance(there, dict) else {}), **texts}},
    }
