"""Each value of a rendered object is traced to the line a person must edit."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from meshgate.errors import BuildError
from traced_origin import (
    Literal,
    TracedOrigin,
    rule,
    tree,
)

pytestmark = pytest.mark.sampled(every=2)
BASE = """\
# A comment.
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: a
  namespace: shop
  labels: {app: a}
spec:
  host: a.shop.svc.cluster.local
  exportTo:
    - "."
    - other
  trafficPolicy:
    tls:
      mode: ISTIO_MUTUAL
    connectionPool:
      tcp:
        maxConnections: 1
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: b, namespace: shop}
spec: {host: b}
"""


def layered(root: Path, overlay: str, **files: str) -> TracedOrigin:
    tree(
        root,
        {
            "base/kustomization.yaml": "resources: [rules.yaml]\n",
            "base/rules.yaml": BASE,
            "overlay/kustomization.yaml": overlay,
            **{f"overlay/{name.replace('_', '.')}": text for name, text in files.items()},
        },
    )
    return TracedOrigin(root)


def test_an_object_no_patch_touches_is_the_base(tmp_path: Path) -> None:
    built = layered(tmp_path, "resources: [../base]\n")

    assert built.place("a", "spec.trafficPolicy.tls.mode") == "base/rules.yaml:16"
    assert built.place("a", "spec.exportTo[1]") == "base/rules.yaml:13"
    assert built.place("a", "") == "base/rules.yaml:3"
    assert built.place("b", "spec.host") == "base/rules.yaml:24"
    assert built.steps("a") == []
    assert built["b"].origin == ("base/rules.yaml", 1)


def test_a_path_that_is_not_there_is_its_nearest_parent(tmp_path: Path) -> None:
    built = layered(tmp_path, "resources: [../base]\n")

    assert built.place("a", "spec.trafficPolicy.tls.sni") == "base/rules.yaml:15"
    assert built.place("a", "spec.exportTo[7]") == "base/rules.yaml:11"
    assert built.place("a", "spec.subsets[0].labels.x") == "base/rules.yaml:9"
    assert built.place("b", "status.nothing") == "base/rules.yaml:21"


MERGE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: a
  namespace: shop
spec:
  exportTo: ["*"]
  trafficPolicy:
    tls:
      mode: SIMPLE
      sni: x
"""


def test_a_merge_patch_is_named_for_what_it_sets_only(tmp_path: Path) -> None:
    built = layered(tmp_path, "resources: [../base]\npatches: [{path: tls.yaml}]\n", tls_yaml=MERGE)

    assert built.place("a", "spec.trafficPolicy.tls.mode") == "overlay/tls.yaml:10"
    assert built.place("a", "spec.trafficPolicy.tls.sni") == "overlay/tls.yaml:11"
    assert built.place("a", "spec.exportTo[0]") == "overlay/tls.yaml:7"
    assert built.place("a", "spec.trafficPolicy.tls") == "overlay/tls.yaml:9"
    assert built.place("a", "spec.host") == "base/rules.yaml:10"
    assert built.place("a", "spec.trafficPolicy.connectionPool.tcp") == "base/rules.yaml:18"
    assert built.place("a", "metadata.name") == "base/rules.yaml:6"
    assert built.place("a", "spec") == "base/rules.yaml:9"
    assert built.place("b", "spec.host") == "base/rules.yaml:24"
    assert built.steps("a") == ["base base/rules.yaml", "patch overlay/tls.yaml"]
    assert built.steps("b") == []


def test_a_patch_that_says_the_same_is_still_what_must_be_edited(tmp_path: Path) -> None:
    same = MERGE.replace("SIMPLE", "ISTIO_MUTUAL")
    built = layered(tmp_path, "resources: [../base]\npatches: [{path: tls.yaml}]\n", tls_yaml=same)

    assert built.place("a", "spec.trafficPolicy.tls.mode") == "overlay/tls.yaml:10"


def test_a_value_that_a_patch_removed_is_the_patch(tmp_path: Path) -> None:
    null = MERGE.replace("mode: SIMPLE", "mode: null")
    built = layered(tmp_path, "resources: [../base]\npatches: [{path: tls.yaml}]\n", tls_yaml=null)

    assert built.place("a", "spec.trafficPolicy.tls.mode") == "overlay/tls.yaml:10"


def test_the_last_of_two_patches_wins(tmp_path: Path) -> None:
    built = layered(
        tmp_path,
        "resources: [../base]\npatches: [{path: one.yaml}, {path: two.yaml}]\n",
        one_yaml=MERGE,
        two_yaml=MERGE.replace("SIMPLE", "DISABLE").replace("      sni: x\n", ""),
    )

    assert built.place("a", "spec.trafficPolicy.tls.mode") == "overlay/two.yaml:10"
    assert built.place("a", "spec.trafficPolicy.tls.sni") == "overlay/one.yaml:11"


JSON_PATCH = """\
- op: replace
  path: /spec/trafficPolicy/tls/mode
  value: DISABLE
- op: add
  path: /spec/exportTo/0
  value: "~"
- op: remove
  path: /spec/trafficPolicy/connectionPool
- op: add
  path: /metadata/annotations
  value:
    example.com/a: b
"""
TARGET = "target: {kind: DestinationRule, name: a}"


def test_a_json_patch_is_named_by_the_operation(tmp_path: Path) -> None:
    built = layered(
        tmp_path,
        f"resources: [../base]\npatches: [{{path: json.yaml, {TARGET}}}]\n",
        json_yaml=JSON_PATCH,
    )

    assert built.place("a", "spec.trafficPolicy.tls.mode") == "overlay/json.yaml:3"
    assert built.place("a", "spec.exportTo[0]") == "overlay/json.yaml:6"
    # Items that were only moved are still the base's.
    assert built.place("a", "spec.exportTo[1]") == "base/rules.yaml:12"
    assert built.place("a", "spec.exportTo[2]") == "base/rules.yaml:13"
    assert built.place("a", "spec.trafficPolicy.connectionPool") == "overlay/json.yaml:7"
    assert built.place("a", 'metadata.annotations["example.com/a"]') == "overlay/json.yaml:12"
    assert built.place("a", "spec.host") == "base/rules.yaml:10"


INLINE = """\
resources: [../base]
patches:
  - patch: |-
      apiVersion: networking.istio.io/v1
      kind: DestinationRule
      metadata: {name: a, namespace: shop}
      spec:
        trafficPolicy:
          tls: {mode: DISABLE}
  - target: {kind: DestinationRule, name: b}
    patch: |
      - op: add
        path: /spec/exportTo
        value: [".", other]
  - target: {name: b}
    patch: '[{"op": "replace", "path": "/spec/host", "value": "c"}]'
"""


def test_an_inline_patch_is_a_line_of_the_kustomization(tmp_path: Path) -> None:
    built = layered(tmp_path, INLINE)

    assert built.place("a", "spec.trafficPolicy.tls.mode") == "overlay/kustomization.yaml:9"
    assert built.place("b", "spec.exportTo[1]") == "overlay/kustomization.yaml:14"
    assert built.place("b", "spec.host") == "overlay/kustomization.yaml:16"
    chain = built.build.record.chains[built["a"].ref]
    assert chain[1].position == ("overlay/kustomization.yaml", 4, 7)
    assert built.locate.excerpt(chain[1].position) == "      apiVersion: networking.istio.io/v1"


def test_transformers_are_lines_of_the_kustomization(tmp_path: Path) -> None:
    built = layered(
        tmp_path,
        "namePrefix: x-\nresources: [../base]\nnamespace: other\n"
        "labels: [{pairs: {team: t}}]\ncommonAnnotations: {a: b}\n",
    )

    assert built.place("x-a", "metadata.namespace") == "overlay/kustomization.yaml:3"
    assert built.place("x-a", "metadata.name") == "overlay/kustomization.yaml:1"
    assert built.place("x-a", "metadata.labels.team") == "overlay/kustomization.yaml:4"
    assert built.place("x-a", "metadata.labels.app") == "base/rules.yaml:8"
    assert built.place("x-a", "metadata.annotations.a") == "overlay/kustomization.yaml:5"
    assert built.place("x-a", "spec.host") == "base/rules.yaml:10"
    chain = built.build.record.chains[built["x-a"].ref]
    assert [step.kind for step in chain] == ["base"] + ["transformer"] * 4
    assert chain[1].before is not None
    assert (chain[1].before["metadata"]["namespace"], chain[1].after["metadata"]["namespace"]) == (
        "shop",
        "other",
    )


def test_layers_components_and_deprecated_fields(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "base/kustomization.yaml": "resources: [rules.yaml]\n",
            "base/rules.yaml": BASE,
            "strict/kustomization.yaml": (
                "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
                "patchesJson6902:\n- path: json.yaml\n"
                "  target: {version: v1, kind: DestinationRule, name: a}\n"
            ),
            "strict/json.yaml": "- {op: replace, path: /spec/host, value: z}\n",
            "middle/kustomization.yaml": (
                "bases: [../base]\nnameSuffix: -m\npatchesStrategicMerge: [tls.yaml]\n"
            ),
            "middle/tls.yaml": MERGE,
            "overlay/kustomization.yaml": (
                "resources: [../middle]\ncomponents: [../strict]\npatches: [{path: more.yaml}]\n"
            ),
            "overlay/more.yaml": rule("a", trafficPolicy={"tls": {"sni": "y"}}),
        },
    )
    built = TracedOrigin(tmp_path)

    assert built.steps("a-m") == [
        "base base/rules.yaml",
        "patch middle/tls.yaml",
        "transformer middle/kustomization.yaml",
        "patch strict/json.yaml",
        "patch overlay/more.yaml",
    ]
    assert built.place("a-m", "spec.trafficPolicy.tls.mode") == "middle/tls.yaml:10"
    assert built.place("a-m", "spec.trafficPolicy.tls.sni").startswith("overlay/more.yaml:")
    assert built.place("a-m", "spec.host") == "strict/json.yaml:1"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("{}", "ab"),
        ("{name: a}", "a"),
        ("{name: 'a|b'}", "ab"),
        ("{name: .*}", "ab"),
        ("{name: aa}", ""),
        ("{kind: Destination}", ""),
        ("{kind: Destination.*, namespace: sh.p}", "ab"),
        ("{namespace: default}", ""),
        ("{group: networking.istio.io, version: v1}", "ab"),
        ("{group: networking}", ""),
        ("{version: v1beta1}", ""),
        ("{labelSelector: app=a}", "a"),
        ("{labelSelector: 'app in (a, b)'}", "a"),
        ("{labelSelector: 'app notin (a)'}", "b"),
        ("{labelSelector: app}", "a"),
        ("{labelSelector: '!app'}", "b"),
        ("{labelSelector: app!=a}", "b"),
        ("{labelSelector: 'app==a,app'}", "a"),
        ("{annotationSelector: x=y}", ""),
    ],
)
def test_targets_match_as_in_kustomize(tmp_path: Path, target: str, expected: str) -> None:
    overlay = (
        "resources: [../base]\npatches:\n"
        f"- {{path: json.yaml, target: {target}}}\n- {{path: all.yaml, target: {{version: v1}}}}\n"
    )
    add = "- {op: add, path: /spec/%s, value: x}\n"
    built = layered(tmp_path, overlay, json_yaml=add % "one", all_yaml=add % "two")

    touched = "".join(r.name for r in built.build.resources if "one" in r.spec)
    assert touched == expected
    assert [name for name in "ab" if "patch overlay/json.yaml" in built.steps(name)] == list(
        expected
    )
    assert [step.origin.file for step in built.build.record.idle_patches] == (
        [] if expected else ["overlay/json.yaml"]
    )


@pytest.mark.parametrize("name", ["(a+)+b", "(a|a)*b", ".*.*.*.*b", r"(.)\1", "a" * 2000])
def test_a_pattern_that_could_take_for_ever_is_left_to_kustomize(tmp_path: Path, name: str) -> None:
    base = yaml.safe_dump(rule("a" * 60, host="a"))
    overlay = {
        "resources": ["r.yaml"],
        "patches": [
            {"target": {"name": name}, "patch": '[{"op": "add", "path": "/spec/q", "value": 1}]'}
        ],
    }
    tree(tmp_path, {"overlay/kustomization.yaml": overlay, "overlay/r.yaml": base})
    if "\\" in name:  # Go has no such pattern
        with pytest.raises(BuildError):
            TracedOrigin(tmp_path)
        return
    built = TracedOrigin(tmp_path)

    assert built.build.record.idle_patches == ()
    assert built["a" * 60].spec == {"host": "a"}


def test_a_patch_that_deletes_an_object(tmp_path: Path) -> None:
    patch = yaml.safe_dump({"$patch": "delete", **rule("a")})
    built = layered(tmp_path, "resources: [../base]\npatches: [{path: x.yaml}]\n", x_yaml=patch)

    assert [r.name for r in built.build.resources] == ["b"]


def test_what_is_not_followed_ends_in_what_was_rendered(tmp_path: Path) -> None:
    built = layered(
        tmp_path,
        """\
resources: [../base]
replacements:
- source: {kind: DestinationRule, name: b, fieldPath: spec.host}
  targets: [{select: {name: a}, fieldPaths: [spec.host]}]
""",
    )

    assert built["a"].spec["host"] == "b"
    assert built.place("a", "spec.host") == "overlay/kustomization.yaml:2"
    assert built.place("a", "spec.trafficPolicy.tls.mode") == "base/rules.yaml:16"


Literal.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)
