"""Two engines, one verdict; and an engine that fails never lets anything pass."""

from __future__ import annotations

import copy
import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from examples import examples
from meshgate.errors import ToolError, UsageError
from meshgate.model import JSON, JSONObject, Resource
from meshgate.schema import catalog, check
from meshgate.schema import kubeconform as wrapper
from meshgate.schema.catalog import ServedKind
from meshgate.schema.engine import Embedded
from meshgate.schema.kubeconform import Kubeconform, batches, document
from places import TESTS
from samples import WHOLE, sample

pytestmark = pytest.mark.sampled(every=3)

VERDICTS = TESTS / "schema" / "verdicts.jsonl.gz"
MINORS = ("1.28", "1.29", "1.30", "1.31")

EXAMPLES: list[JSONObject] = [
    {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": "default", "namespace": "boards", "labels": {"app": "boards"}},
        "spec": {
            "selector": {"matchLabels": {"app": "boards"}},
            "mtls": {"mode": "STRICT"},
            "portLevelMtls": {"8080": {"mode": "PERMISSIVE"}},
        },
    },
    {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "boards", "namespace": "boards"},
        "spec": {
            "host": "boards",
            "trafficPolicy": {
                "loadBalancer": {"consistentHash": {"useSourceIp": True}},
                "portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "SIMPLE"}}],
            },
            "subsets": [{"name": "v1", "labels": {"version": "v1"}}],
        },
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "boards", "namespace": "boards", "creationTimestamp": None},
        "spec": {"ports": [{"port": 80, "targetPort": "http"}], "selector": {"app": "boards"}},
    },
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "boards", "namespace": "boards"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "boards"}},
            "template": {
                "metadata": {"labels": {"app": "boards"}},
                "spec": {
                    "containers": [
                        {
                            "name": "boards",
                            "image": "boards:1",
                            "resources": {"limits": {"cpu": 1, "memory": "1Gi"}},
                            "readinessProbe": {"httpGet": {"port": 8080, "path": "/"}},
                        }
                    ]
                },
            },
        },
    },
    {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "boards", "namespace": "argocd"},
        "spec": {"project": "default", "destination": {"name": "in-cluster"}},
    },
]

# Texts that YAML readers take for something else, and values that are often mistaken.
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 70000),
    st.sampled_from([2**31, -(2**31) - 1, 2**63, 10**20, 0.5, 80.0]),
    st.sampled_from(["", "y", "no", "010", "1e3", "null", "~", "STRICT", "strict", "a: b", "# x"]),
    st.text(max_size=5),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)


@st.composite
def broken(draw: st.DrawFn) -> JSONObject:
    """A good object with one to three places changed, removed or added."""
    value = copy.deepcopy(draw(st.sampled_from(EXAMPLES)))
    for _ in range(draw(st.integers(1, 3))):
        places = [place for place in containers(value) if place[1] not in IDENTITY]
        if not places:
            break
        container, key = draw(st.sampled_from(places))
        change = draw(st.sampled_from(["set", "remove", "add", "case"]))
        if change == "set":
            container[key] = draw(values)
        elif change == "remove":
            del container[key]
        elif isinstance(container, dict):
            new = str(key).swapcase() if change == "case" else draw(st.text(min_size=1, max_size=5))
            container[new] = container[key]
    return value


IDENTITY = {"apiVersion", "kind"}


def containers(value: JSON) -> list[tuple[JSON, JSON]]:
    """Every place in a value, as what holds it and its key there."""
    found: list[tuple[JSON, JSON]] = []
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        found.append((value, key))
        if isinstance(value[key], (dict, list)):
            found += containers(value[key])
    return found


def kinds_of(resources: list[Resource], istio: str = "1.31") -> list[tuple[Resource, ServedKind]]:
    known = catalog.catalog_of(istio).kinds
    return [(resource, known[resource.group, resource.kind]) for resource in resources]


@examples(12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(broken(), min_size=30, max_size=60))
def test_three_validators_agree(kubeconform: Path, objects: list[JSONObject]) -> None:
    judged = kinds_of([Resource.of(value) for value in objects])

    embedded = set(Embedded().refusals(judged))

    assert embedded == set(Kubeconform(kubeconform, "1.31").refusals(judged))
    assert embedded == {
        index
        for index, (resource, kind) in enumerate(judged)
        if not jsonschema.Draft202012Validator(kind.schema()).is_valid(resource.value)
    }


@pytest.mark.sampled
@pytest.mark.parametrize("istio", MINORS)
def test_engines_say_the_same_of_thousands_of_objects(
    istio: str, kubeconform: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrapper, "wanted", lambda: kubeconform)
    with gzip.open(VERDICTS, "rt", encoding="utf-8") as lines:
        values = [json.loads(line)["object"] for line in lines]
    # Most objects for the newest version; a part of them shows that the others are wired alike.
    every = sample(1, 4) if istio == "1.31" else sample(7, 28)
    resources = [Resource.of(value) for value in values[::every]]

    said = [
        [
            (violation.rule, violation.path, violation.message, violation.fix)
            for violation in check(resources, istio=istio, engine=engine, allowed=())
        ]
        for engine in ("jsonschema", "kubeconform")
    ]

    assert said[0] == said[1]
    assert len(said[0]) > sample(100, 25)


@pytest.mark.sampled
@pytest.mark.parametrize("minor", MINORS if WHOLE else MINORS[-1:])
def test_every_schema_is_one_that_both_engines_can_load(minor: str, kubeconform: Path) -> None:
    known = catalog.catalog_of(minor).kinds.values()
    judged = [
        (Resource.of({"apiVersion": kind.api_versions[0], "kind": kind.kind, "metadata": {}}), kind)
        for kind in known
    ]

    for kind in known:
        assert jsonschema_rs.meta.is_valid(kind.schema())
    assert set(Embedded().refusals(judged)) == set(range(len(judged)))
    assert set(Kubeconform(kubeconform, minor).refusals(judged)) == set(range(len(judged)))


@given(st.recursive(scalars, lambda i: st.lists(i) | st.dictionaries(st.text(), i), max_leaves=20))
def test_a_document_is_one_line_of_plain_ascii(value: JSON) -> None:
    line = document(Resource.of({"kind": "X", "value": value}))

    assert line.isascii()
    assert line.count(b"\n") == 1


def test_characters_that_yaml_reads_in_its_own_way_arrive(kubeconform: Path) -> None:
    odd = "\u0085\u2028\ufeff\x7f\U0001f600"
    value = copy.deepcopy(EXAMPLES[0])
    value["metadata"]["annotations"] = {"note": odd, odd: "note"}
    [judged] = kinds_of([Resource.of(value)])

    assert Kubeconform(kubeconform, "1.31").refusals([judged]) == {}


def test_half_a_character_is_refused_by_both(kubeconform: Path) -> None:
    value = copy.deepcopy(EXAMPLES[0])
    value["metadata"]["annotations"] = {"\ud800": "x"}
    judged = kinds_of([Resource.of(value)])

    assert set(Embedded().refusals(judged)) == {0}
    assert set(Kubeconform(kubeconform, "1.31").refusals(judged)) == {0}


def test_objects_go_in_batches_that_leave_the_stream_buffer_alone() -> None:
    sizes = [600_000, 600_000, 100, 2_000_000, 100, 100]

    grouped = [[len(line) for line in batch] for batch in batches(b"x" * size for size in sizes)]

    assert grouped == [[600_000], [600_000, 100], [2_000_000], [100, 100]]


def test_more_than_one_batch_keeps_the_order(kubeconform: Path) -> None:
    good, bad = copy.deepcopy(EXAMPLES[0]), copy.deepcopy(EXAMPLES[0])
    bad["spec"]["mtls"]["mode"] = "strict"
    for value in (good, bad):
        value["metadata"]["annotations"] = {"padding": "x" * 400_000}
    judged = kinds_of([Resource.of(value) for value in (good, bad, good, good, bad, good)])

    assert set(Kubeconform(kubeconform, "1.31").refusals(judged)) == {1, 4}


def script(folder: Path, body: str) -> Path:
    program = folder / "kubeconform"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return program


RESULT = {
    "kind": "PeerAuthentication",
    "version": "security.istio.io/v1",
    "status": "statusValid",
    "msg": "",
}
SUMMARY = {"valid": 1, "invalid": 0, "errors": 0, "skipped": 0}


def answering(results: list[JSONObject], summary: JSONObject, code: int = 0) -> str:
    """A program that reads everything and answers with this."""
    answer = json.dumps({"resources": results, "summary": summary})
    return f"cat > /dev/null; echo '{answer}'; exit {code}"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("cat > /dev/null; exit 0", "gave no result"),
        ("cat > /dev/null; echo boom >&2; exit 2", "gave no result"),
        ("cat > /dev/null; echo '{\"resources\": []}'", "gave no result"),
        (answering([], SUMMARY), "answered for 1 of 1"),
        (answering([RESULT, RESULT], SUMMARY), "answered for 1 of 1"),
        (answering([RESULT], {**SUMMARY, "valid": 2}), "answered for 2 of 1"),
        (answering([RESULT], {**SUMMARY, "valid": 0, "skipped": 1}), "answered for 1 of 1"),
        (answering([RESULT], SUMMARY, code=1), "ended with 1"),
        (answering([{**RESULT, "kind": "Pod"}], SUMMARY), "answered for Pod where PeerAuth"),
        (
            answering(
                [{**RESULT, "status": "statusError", "msg": "no schema"}],
                {**SUMMARY, "valid": 0, "errors": 1},
                code=1,
            ),
            "could not judge PeerAuthentication/boards/default",
        ),
        ("cat > /dev/null; kill -KILL $$", "was ended by signal 9"),
        ("exec sleep 60", "did not end within"),
    ],
)
def test_an_engine_that_fails_is_an_error(
    body: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrapper, "TIMEOUT", 1.0)
    engine = Kubeconform(script(tmp_path, body), "1.31")

    with pytest.raises(ToolError, match=says) as raised:
        engine.refusals(kinds_of([Resource.of(EXAMPLES[0])]))

    assert raised.value.exit_code == 4


def test_kubeconform_is_found_on_path(
    kubeconform: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(kubeconform, tmp_path / "kubeconform")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert wrapper.on_path() == tmp_path / "kubeconform"
    assert wrapper.wanted() == tmp_path / "kubeconform"


@pytest.mark.parametrize("said", ["v0.6.7", "0.9.0", "development", "nonsense"])
def test_another_version_does_not_fit(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path, f"echo {said}")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert wrapper.on_path() is None
    with pytest.raises(ToolError, match="is wanted") as raised:
        check([], istio="1.31", engine="kubeconform", allowed=None)

    assert raised.value.exit_code == 4


@pytest.mark.parametrize("said", ["v0.8.0", "0.8.3"])
def test_a_patch_version_fits(said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = script(tmp_path, f"echo {said}")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert wrapper.wanted() == program


def test_kubeconform_that_is_nowhere_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    with pytest.raises(ToolError, match="not on PATH") as raised:
        check([], istio="1.31", engine="kubeconform", allowed=None)

    assert "nox -s tools" in raised.value.hint


def test_the_built_one_is_taken_where_path_has_none(
    kubeconform: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert wrapper.wanted() == kubeconform


def test_auto_takes_the_embedded_engine_where_there_is_no_kubeconform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert check([Resource.of(EXAMPLES[0])], istio="1.31", engine="auto", allowed=None) == []


def test_auto_asks_the_kubeconform_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, 'case "$1" in -v) echo v0.8.0;; *) exit 3;; esac')
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    with pytest.raises(ToolError, match="gave no result"):
        check([Resource.of(EXAMPLES[0])], istio="1.31", engine="auto", allowed=None)


def test_an_unknown_engine_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        check([Resource.of(EXAMPLES[0])], istio="1.31", engine="ajv", allowed=None)


def test_objects_that_are_not_equal_are_told_apart(kubeconform: Path) -> None:
    """Same name, same kind, another namespace: the answers must not be swapped."""
    wrong: Callable[[str, str], JSONObject] = lambda namespace, mode: {  # noqa: E731
        **EXAMPLES[0],
        "metadata": {"name": "default", "namespace": namespace},
        "spec": {"mtls": {"mode": mode}},
    }
    judged = kinds_of([Resource.of(wrong("a", "STRICT")), Resource.of(wrong("b", "strict"))])

    assert set(Kubeconform(kubeconform, "1.31").refusals(judged)) == {1}
