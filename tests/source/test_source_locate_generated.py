"""Where values of generated objects, of lists and of random layers are written."""

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
from meshgate.model import Position, join_path
from traced_origin import (
    Literal,
    TracedOrigin,
    rule,
    tree,
)

pytestmark = pytest.mark.sampled(every=2)


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
