"""kustomize reads `Resources` as `resources`: what it would bring in must not go unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshgate import source
from meshgate.errors import BuildError

POLICY = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
"""


@pytest.mark.parametrize(
    ("text", "path", "hint"),
    [
        ("Resources: [../base]", "Resources", "resources"),
        ("RESOURCES: ['https://example.com/pa.yaml']", "RESOURCES", "resources"),
        ("re\u017fource\u017f: [../base]", "re\u017fource\u017f", "resources"),
        ("resources: [../base]\nHelmCharts: [{name: x}]", "HelmCharts", "helmCharts"),
        ("resources: [../base]\nGenerators: [gen.yaml]", "Generators", "generators"),
        ("resources: [../base]\nopenapi: {Path: x.json}", "openapi.Path", "path"),
        ("resources: [../base]\npatches: [{Path: p.yaml}]", "patches[0].Path", "path"),
        (
            "resources: [../base]\nsecretGenerator: [{name: x, FILES: [a]}]",
            "secretGenerator[0].FILES",
            "files",
        ),
        ("resources: [../base]\npatches: [p.yaml]", "patches[0]", "path: FILE"),
    ],
)
def test_another_spelling_is_refused(tmp_path: Path, text: str, path: str, hint: str) -> None:
    for folder, content in (("base", "resources: [pa.yaml]"), ("overlay", text)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "kustomization.yaml").write_text(content, encoding="utf-8")
        (tmp_path / folder / "pa.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "overlay" / "p.yaml").write_text(POLICY, encoding="utf-8")
    with pytest.raises(BuildError) as caught:
        source.render(tmp_path, "overlay", cache=None)
    assert f"overlay/kustomization.yaml: `{path}` is not how" in str(caught.value)
    assert hint in caught.value.hint


def test_other_keys_may_be_spelled_in_any_way(tmp_path: Path) -> None:
    (tmp_path / "pa.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "kustomization.yaml").write_text(
        "resources: [pa.yaml]\nlabels: [{pairs: {Path: x, Resources: z}}]\n", encoding="utf-8"
    )
    (built,) = source.render(tmp_path, ".", cache=None).resources
    assert built.labels == {"Path": "x", "Resources": "z"}


PATCHING = """\
resources: [pa.yaml]
patches:
- patch: |-
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata: {name: defalt, namespace: shop}
    spec: {}
"""


@pytest.mark.parametrize(
    ("kustomization", "hint"),
    [
        ("resources: [pa.yaml]\nnamePrefx: a-\n", "did you mean `namePrefix`?"),
        ("resources: [pa.yaml]\nqqqqq: a-\n", "compare its spelling"),
        (
            PATCHING,
            "did you mean `PeerAuthentication.v1.security.istio.io/default.shop`?",
        ),
    ],
)
def test_what_kustomize_does_not_know_is_told_with_what_was_meant(
    tmp_path: Path, kustomization: str, hint: str
) -> None:
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay/kustomization.yaml").write_text(kustomization)
    (tmp_path / "overlay/pa.yaml").write_text(
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        "metadata: {name: default, namespace: shop}\nspec: {mtls: {mode: STRICT}}\n"
    )

    with pytest.raises(BuildError) as caught:
        source.render(tmp_path, "overlay", cache=None)
    assert hint in caught.value.hint
