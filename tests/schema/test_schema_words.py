"""What is said of a violation, and what a cluster adds passes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from checked_objects import (
    DR,
    MINORS,
    PA,
    manifest,
    said,
    spec,
    violations,
)
from meshgate.model import JSONObject, Resource
from meshgate.schema import _of_object, catalog, check
from meshgate.schema.engine import SchemaRefusal
from meshgate.schema.webhook import MODULES
from meshgate.wording.phrases import listed, shown
from meshgate.wording.problems import WORDINGS


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        (spec(PA, mltls={}), "spec.mltls", "unknown field `mltls`, did you mean `mtls`?"),
        (
            spec(PA, mode="STRICT"),
            "spec.mode",
            "unknown field `mode` here; it belongs at `spec.mtls.mode`",
        ),
        (
            spec(DR, trafficPolicy={"tls": {}, "host": "x"}),
            "spec.trafficPolicy.host",
            "unknown field `host` here; it belongs at `spec.host`",
        ),
        (
            spec(DR, name="v1"),
            "spec.name",
            "unknown field `name` here; it belongs at `spec.subsets[].name`",
        ),
        (
            spec(PA, zzz=1),
            "spec.zzz",
            "unknown field `zzz`; the fields here are `mtls`, `portLevelMtls` and `selector`",
        ),
        (
            spec(PA, mtls={"mode": "strict"}),
            "spec.mtls.mode",
            (
                'is "strict", did you mean `STRICT`? '
                "Allowed: `UNSET`, `DISABLE`, `PERMISSIVE` and `STRICT`"
            ),
        ),
        (
            spec(PA, mtls={"mode": "mutual-tls"}),
            "spec.mtls.mode",
            'is "mutual-tls"; allowed: `UNSET`, `DISABLE`, `PERMISSIVE` and `STRICT`',
        ),
        (
            spec(PA, selector={"matchLabels": {"a.b/c": 7}}),
            'spec.selector.matchLabels["a.b/c"]',
            'is 7, must be a string; quote it: "7"',
        ),
        (spec(PA, mtls=None), "spec.mtls", "has no value, must be a mapping"),
        (spec(PA, portLevelMtls={}), "spec.portLevelMtls", "must have at least 1 key"),
        (
            spec(PA, selector={"matchLabels": {"a": "x" * 64}}),
            "spec.selector.matchLabels.a",
            "has 64 characters, at most 63 are allowed",
        ),
        (spec(DR, exportTo="*"), "spec.exportTo", 'is "*", must be a list; write ["*"]'),
        (
            spec(DR, trafficPolicy={"connectionPool": {"tcp": {"maxConnections": "9"}}}),
            "spec.trafficPolicy.connectionPool.tcp.maxConnections",
            'is "9", must be an integer; remove the quotes',
        ),
        (
            spec(DR, trafficPolicy={"connectionPool": {"tcp": {"maxConnections": 2**31}}}),
            "spec.trafficPolicy.connectionPool.tcp.maxConnections",
            "is 2147483648, must be at most 2147483647",
        ),
        (
            spec(DR, trafficPolicy={"connectionPool": {"http": {"useClientProtocol": "true"}}}),
            "spec.trafficPolicy.connectionPool.http.useClientProtocol",
            'is "true", must be true or false; remove the quotes',
        ),
        (
            spec(DR, trafficPolicy={"portLevelSettings": [{"port": {"number": -1}}]}),
            "spec.trafficPolicy.portLevelSettings[0].port.number",
            "is -1, must be at least 0",
        ),
        (
            spec(DR, subsets=[{"labels": {}}]),
            "spec.subsets[0]",
            "`name` is missing",
        ),
        (
            spec(
                DR,
                trafficPolicy={"loadBalancer": {"consistentHash": {"maglev": {}, "ringHash": {}}}},
            ),
            "spec.trafficPolicy.loadBalancer.consistentHash",
            "only one of `ringHash` and `maglev` may be set",
        ),
        ({**DR, "sepc": {}}, "sepc", "unknown field `sepc`, did you mean `spec`?"),
        ({**DR, "metadata": {"namespace": "x"}}, "metadata", "`name` is missing"),
        ({**DR, "metadata": []}, "metadata", "is [], must be a mapping"),
        (
            {**DR, "metadata": {"name": "a", "lables": {}}},
            "metadata.lables",
            "unknown field `lables`, did you mean `labels`?",
        ),
        (
            {**DR, "metadata": {"name": "a", "labels": {"a b": "c"}}},
            'metadata.labels["a b"]',
            '"a b" is not a valid key for a label',
        ),
        (
            {**DR, "metadata": {"name": "a\u001b[31m"}},
            "metadata.name",
            '"a\\u001b[31m" is not a DNS name: lower-case letters, digits, dashes and dots inside',
        ),
    ],
)
def test_what_is_said_of_a_violation(value: JSONObject, path: str, message: str) -> None:
    assert ("SH002", path, message) in said(value)


def test_everything_wrong_is_told_at_once() -> None:
    value = spec(DR, host=7, subsets=[{"name": "a", "x": 1}, {"nmae": "b"}])

    assert [path for _, path, _ in said(value)] == [
        "spec.host",
        "spec.subsets[0].x",
        "spec.subsets[1]",
        "spec.subsets[1].nmae",
    ]


def test_a_refusal_without_words_is_still_a_violation() -> None:
    kind = catalog.catalog_of("1.31").kinds["security.istio.io", "PeerAuthentication"]

    told = _of_object(Resource.of(PA), kind, SchemaRefusal("spec", "no"))

    assert [(v.rule, v.path, v.message) for v in told] == [("SH002", "spec", "no")]


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"name": "a", "creationTimestamp": None}},
        {"metadata": {"name": "a", "labels": None, "annotations": {}}},
        {
            "metadata": {
                "generateName": "a-",
                "managedFields": [{"manager": "x", "fieldsV1": {"f": {}}}],
            }
        },
        {"status": {"conditions": [{"type": "Reconciled"}], "whatever": 1}},
    ],
)
def test_what_a_cluster_adds_passes(change: JSONObject) -> None:
    assert violations({**PA, **change}) == []


def test_null_is_a_value_for_kubernetes_and_none_for_a_crd() -> None:
    service = manifest("v1", "Service", selector=None, ports=[{"port": 80, "name": None}])

    assert violations(service) == []
    assert said(spec(PA, selector=None)) != []
    assert said(manifest("v1", "Service", ports=[None])) != []


def test_a_list_with_unique_keys_has_no_entry_twice() -> None:
    entry = manifest(
        "networking.istio.io/v1",
        "ServiceEntry",
        hosts=["a.example.com"],
        ports=[
            {"number": 80, "name": "a"},
            {"number": 81, "name": "b"},
            {"number": 82, "name": "a"},
        ],
    )

    assert ("SH002", "spec.ports[2]", 'entry 0 has the same name "a"') in said(entry)


def test_the_webhook_does_not_repeat_what_the_crd_said() -> None:
    plaintext = spec(PA, selector={"matchLabels": {"a": "b"}}, portLevelMtls={"http": {}})

    assert [rule for rule, _, _ in said(plaintext)] == ["SH003"]


def test_a_foreign_object_is_judged_too() -> None:
    foreign = Resource.of(spec(PA, mode="x"), foreign=True)

    [violation] = check([foreign], istio="1.31", engine="jsonschema", allowed=None)

    assert violation.resource is foreign


@pytest.mark.parametrize("minor", MINORS)
def test_every_mesh_kind_has_a_webhook_check(minor: str) -> None:
    kinds = {kind for group, kind in catalog.catalog_of(minor).kinds if group.endswith(".istio.io")}

    assert kinds <= MODULES.keys()


@pytest.mark.parametrize("minor", MINORS)
def test_every_keyword_of_a_schema_has_words(minor: str) -> None:
    told = WORDINGS.keys() | {"additionalProperties", "required", "propertyNames"}
    structure = {"$defs", "$ref", "$schema", "description", "items", "properties", "allOf"}
    used = {
        word for kind in catalog.catalog_of(minor).kinds.values() for word in words(kind.schema())
    }

    assert used - told - structure == {"x-kubernetes-validations", "x-kubernetes-list-map-keys"}


def words(schema: JSONObject) -> Iterator[str]:
    """Every keyword in a schema."""
    for word, value in schema.items():
        yield word
        if word in {"properties", "$defs"}:
            for below in value.values():
                yield from words(below)
        elif word in {"items", "additionalProperties", "not", "propertyNames"}:
            yield from words(value) if isinstance(value, dict) else ()
        elif word in {"allOf", "anyOf", "oneOf"}:
            for below in value:
                yield from words(below)


def test_phrases() -> None:
    assert listed(["a"]) == "`a`"
    assert listed(["a", "b", "c"]) == "`a`, `b` and `c`"
    assert shown("x" * 100).endswith("…")


@pytest.mark.parametrize("key", ["team", "example.com/team", "UPPER.example.com/Key", "a" * 63])
def test_keys_of_annotations_that_the_api_server_takes(key: str) -> None:
    value = manifest("security.istio.io/v1", "PeerAuthentication", mtls={"mode": "STRICT"})
    value["metadata"]["annotations"] = {key: "x"}

    assert said(value) == []


@pytest.mark.parametrize("key", ["bad key", "a/b/c", "-x", "x-", "/x", "a" * 64, "a..b/x"])
def test_keys_of_annotations_that_the_api_server_refuses(key: str) -> None:
    value = manifest("security.istio.io/v1", "PeerAuthentication", mtls={"mode": "STRICT"})
    value["metadata"]["annotations"] = {key: "x"}

    assert [rule for rule, _, _ in said(value)] == ["SH002"]


def test_annotations_of_256_kib_are_too_large() -> None:
    value = manifest("security.istio.io/v1", "PeerAuthentication", mtls={"mode": "STRICT"})
    value["metadata"]["annotations"] = {"x": "y" * (256 * 1024 - 1)}
    assert said(value) == []
    value["metadata"]["annotations"] = {"x": "y" * 256 * 1024}
    assert [path for _, path, _ in said(value)] == ["metadata.annotations"]
