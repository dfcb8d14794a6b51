"""Each value of a rendered object is traced to the line a person must edit."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from examples import examples
from meshgate import source
from meshgate.errors import BuildError
from meshgate.model import Position, Resource, join_path

pytestmark = pytest.mark.sampled(every=2)

API = "networking.istio.io/v1"


def tree(root: Path, files: dict[str, Any]) -> Path:
    """Write files; what is not text is written as YAML."""
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        text = (
            content
            if isinstance(content, str)
            else yaml.dump(content, Dumper=Literal, sort_keys=False)
        )
        file.write_text(text, encoding="utf-8")
    return root


def rule(name: str = "a", namespace: str | None = "shop", **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": API, "kind": "DestinationRule", "metadata": metadata, "spec": spec}


class TracedOrigin:
    """One overlay, rendered, and where its values were written."""

    def __init__(self, root: Path, overlay: str = "overlay") -> None:
        self.build = source.render(root, overlay, cache=None)
        self.locate = source.Locator(root)

    def __getitem__(self, name: str) -> Resource:
        return next(r for r in self.build.resources if r.name == name)

    def place(self, name: str, path: str) -> str:
        position = self.locate(self[name], path)
        assert position is not None
        return f"{position.file}:{position.line}"

    def line(self, name: str, path: str) -> str:
        position = self.locate(self[name], path)
        assert position is not None
        return self.locate.excerpt(position).strip()

    def steps(self, name: str) -> list[str]:
        chain = self.build.record.chains.get(self[name].ref, ())
        return [f"{step.kind} {step.origin.file}" for step in chain]


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


def test_built_in_kinds_merge_lists_by_key(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "base/kustomization.yaml": "resources: [d.yaml]\n",
            "base/d.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  template:
    spec:
      containers:
      - name: one
        image: a
        ports: [{containerPort: 80, name: http}]
      - name: two
        image: b
""",
            "overlay/kustomization.yaml": "resources: [../base]\npatches: [{path: p.yaml}]\n",
            "overlay/p.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  template:
    spec:
      containers:
      - name: two
        image: c
      - name: three
        image: d
""",
        },
    )
    built = TracedOrigin(tmp_path)
    containers = built["d"].spec["template"]["spec"]["containers"]
    lines = {
        container["name"]: built.place("d", f"spec.template.spec.containers[{index}].image")
        for index, container in enumerate(containers)
    }

    assert lines == {
        "one": "base/d.yaml:9",
        "two": "overlay/p.yaml:9",
        "three": "overlay/p.yaml:11",
    }
    assert built.steps("d") == ["base base/d.yaml", "patch overlay/p.yaml"]


def test_generated_objects_are_where_they_are_generated(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "overlay/kustomization.yaml": """\
resources: [r.yaml]
configMapGenerator:
- name: made
  literals: [a=b]
patches:
- target: {kind: ConfigMap}
  patch: '[{"op": "add", "path": "/data/c", "value": "d"}]'
""",
            "overlay/r.yaml": rule("a", host="a"),
        },
    )
    built = TracedOrigin(tmp_path)
    (config,) = [r for r in built.build.resources if r.kind == "ConfigMap"]
    position = built.locate(config, "data.a")

    assert position is not None
    assert (position.file, built.build.record.idle_patches) == ("overlay/kustomization.yaml", ())


def test_items_of_lists_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "dump.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "List",
                "items": [rule("a", host="x"), rule("b", host="y")],
            }
        ),
        encoding="utf-8",
    )
    locate = source.Locator(tmp_path)
    one, two = source.read_path(tmp_path, tmp_path / "dump.yaml").resources

    places = [locate(resource, "spec.host") for resource in (one, two)]
    assert [place and locate.excerpt(place).strip() for place in places] == ["host: x", "host: y"]


def test_texts_that_are_no_files() -> None:
    content = json.dumps(rule("a", host="x"), indent=1).encode()
    (resource,) = source.read(content, "-").resources
    locate = source.Locator(Path("/nonexistent"), {"-": content})
    position = locate(resource, "spec.host")

    assert position is not None
    assert locate.excerpt(position).strip() == '"host": "x"'


def test_a_resource_from_no_file_and_a_file_that_is_gone(tmp_path: Path) -> None:
    (resource,) = source.read(b"kind: A\n", "gone.yaml").resources
    locate = source.Locator(tmp_path)

    assert locate(resource, "kind") is None
    assert locate.excerpt(Position("gone.yaml", 1, 1)) == ""


def test_a_number_that_quotes_made_text_is_where_its_patch_set_it(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "base/kustomization.yaml": {"resources": ["rules.yaml"]},
            "base/rules.yaml": rule("a", deep={"two": {"q": "*"}}, host="x"),
            "middle/kustomization.yaml": {
                "resources": ["../base"],
                "patches": [{"path": "patch.yaml", "target": {"name": "a"}}],
            },
            "middle/patch.yaml": rule("a", deep={"two": {"q": 2}}),
            "overlay/kustomization.yaml": {
                "resources": ["../middle"],
                "patches": [{"path": "later.yaml", "target": {"name": "a"}}],
            },
            "overlay/later.yaml": [{"op": "add", "path": "/spec/tls", "value": {"mode": 1}}],
        },
    )
    built = TracedOrigin(root)

    assert built["a"].spec["deep"] == {"two": {"q": "2"}}
    assert built.place("a", "spec.deep.two.q").startswith("middle/patch.yaml:")
    assert built.place("a", "spec.tls.mode").startswith("overlay/later.yaml:")


# The property: whatever the layers, the place of a value says that value.

names = st.sampled_from("abc")
scalars = st.sampled_from(["x", "zz", "10", "no", 1, 2, True, "*"])
mappings = st.dictionaries(st.sampled_from(["mode", "sni", "q"]), scalars, min_size=1)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "host": scalars,
    "tls": mappings,
    "list": st.lists(scalars, min_size=1, max_size=3),
    "subsets": st.lists(
        st.fixed_dictionaries({"name": names}, optional={"tls": mappings}), min_size=1, max_size=3
    ),
    "deep": st.fixed_dictionaries({}, optional={"one": mappings, "two": mappings}),
}
specs = st.fixed_dictionaries({}, optional=FIELDS)
merges = st.fixed_dictionaries(
    {}, optional={name: st.none() | field for name, field in FIELDS.items()}
)


class Literal(yaml.SafeDumper):
    """Writes text of several lines as a block, as people do."""


Literal.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


@st.composite
def repositories(draw: st.DrawFn) -> dict[str, Any]:
    """A base with three rules, a middle layer and an overlay with patches of every form."""
    base = {name: draw(specs) for name in "abc"}
    files: dict[str, Any] = {
        "base/kustomization.yaml": {"resources": ["rules.yaml"]},
        "base/rules.yaml": yaml.safe_dump_all([rule(name, **base[name]) for name in "abc"]),
    }
    for layer, below in (("middle", "base"), ("overlay", "middle")):
        kustomization: dict[str, Any] = {"resources": [f"../{below}"], "patches": []}
        for number in range(draw(st.integers(0, 3))):
            file = f"patch-{number}.yaml"
            if draw(st.booleans()):
                content: Any = rule(draw(names), **draw(merges))
                entry: dict[str, Any] = {}
                if draw(st.booleans()):
                    entry["target"] = {"name": draw(st.sampled_from(["a", "b|c", ".*"]))}
            else:
                content = [
                    {"op": "add", "path": f"/spec/{key}", "value": value}
                    for key, value in draw(specs).items()
                ] or [{"op": "add", "path": "/spec/host", "value": "z"}]
                entry = {"target": {"name": draw(st.sampled_from(["a", "a|b"]))}}
            if draw(st.booleans()):
                entry["path"] = file
                files[f"{layer}/{file}"] = content
            else:
                entry["patch"] = yaml.safe_dump(content)
            kustomization["patches"].append(entry)
        files[f"{layer}/kustomization.yaml"] = kustomization
    return files


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from leaves(child, (*path, key))
    elif isinstance(value, list) and value:
        for index, child in enumerate(value):
            yield from leaves(child, (*path, index))
    elif not isinstance(value, dict):  # what patches emptied stands nowhere
        yield join_path(*path), value


@examples(
    15,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
@given(repositories())
def test_the_place_of_a_value_says_that_value(files: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = tree(Path(folder), files)
        built = TracedOrigin(root)
        for name in "abc":
            resource = built[name]
            assert not [step for step in built.steps(name) if step.startswith("transformer")]
            for path, value in leaves(resource.spec, ("spec",)):
                position = built.locate(resource, path)
                assert position is not None
                text = built.locate.files.get(position.file)
                assert text is not None
                rest = text.text.split("\n")[position.line - 1][position.column - 1 :]
                wanted = json.dumps(value) if not isinstance(value, str) else value
                assert wanted in rest, (path, value, position, rest)
