"""Claim: what no list names is not rendered, and a name alone makes no kind the one meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from meshgate.cli import main

Change = Callable[[str, str], Path]
KINDS = {
    "a role": ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    "a workload": ("apps/v1", "Deployment"),
    "a filter of Envoy": ("networking.istio.io/v1alpha3", "EnvoyFilter"),
    "a plugin": ("extensions.istio.io/v1alpha1", "WasmPlugin"),
    "a hook": ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
    "a gateway of another API": ("gateway.networking.k8s.io/v1", "Gateway"),
    "a policy of another mesh": ("policy.linkerd.io/v1alpha1", "AuthorizationPolicy"),
    "a policy of nobody": ("example.com/v1", "PeerAuthentication"),
    "what nobody knows": ("example.com/v1", "Miner"),
    "a project of Argo CD": ("argoproj.io/v1alpha1", "AppProject"),
}
WRITTEN = {
    "in a list": "apiVersion: v1\nkind: List\nitems:\n"
    "- {apiVersion: v1, kind: Secret, metadata: {name: x, namespace: shop}}\n",
    "in a list of another kind": "apiVersion: security.istio.io/v1\n"
    "kind: PeerAuthenticationList\nitems:\n"
    "- {apiVersion: v1, kind: Secret, metadata: {name: x, namespace: shop}}\n",
    "in small letters": "apiVersion: security.istio.io/v1\nkind: peerauthentication\n"
    "metadata: {name: x, namespace: shop}\n",
    "with a blank": "apiVersion: security.istio.io/v1\nkind: 'PeerAuthentication '\n"
    "metadata: {name: x, namespace: shop}\n",
    "of no version": "apiVersion: security.istio.io/v9\nkind: PeerAuthentication\n"
    "metadata: {name: x, namespace: shop}\n",
    "of a group in capitals": "apiVersion: Security.istio.io/v1\nkind: PeerAuthentication\n"
    "metadata: {name: x, namespace: shop}\n",
    "of a group with more behind it": "apiVersion: security.istio.io/v1/x\n"
    "kind: PeerAuthentication\nmetadata: {name: x, namespace: shop}\n",
    "that stays": "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
    "metadata: {name: x, namespace: shop, finalizers: [a/b]}\n",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_kind_is_what_it_is_however_it_is_written(hostile_repository: Change, name: str) -> None:
    root = hostile_repository("overlays/dev/odd.yaml", WRITTEN[name])
    file = root / "overlays/dev/kustomization.yaml"
    file.write_text(file.read_text() + "  - odd.yaml\n")
    assert main(["validate", "-C", str(root)]) == 1


LISTED = {
    "a service that scales to nothing": ("serving.knative.dev/v1", "Service"),
    "a job of another scheduler": ("batch.volcano.sh/v1alpha1", "Job"),
}


def rendered(change: Change, api_version: str, kind: str, require: str = "") -> Path:
    root = change(
        "overlays/dev/odd.yaml",
        f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: odd, namespace: shop}}\n",
    )
    file = root / "overlays/dev/kustomization.yaml"
    file.write_text(file.read_text() + "  - odd.yaml\n")
    if require:
        file = root / "environments.yaml"
        file.write_text(file.read_text().replace("floating}", f"floating, require: {require}}}"))
    return root


@pytest.mark.parametrize("name", KINDS)
def test_only_kinds_of_the_mesh_are_rendered_by_default(
    hostile_repository: Change, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = rendered(hostile_repository, *KINDS[name])
    assert main(["validate", "-C", str(root)]) == 1
    assert "SH008" in capsys.readouterr().out


@pytest.mark.parametrize("name", LISTED)
def test_a_listed_name_is_of_its_own_group(
    hostile_repository: Change, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = "{kinds: [PeerAuthentication, DestinationRule, Service, Job, Secret]}"
    root = rendered(hostile_repository, *LISTED[name], kinds)
    assert main(["validate", "-C", str(root)]) == 1
    assert "SH008" in capsys.readouterr().out


def test_a_listed_kind_without_a_schema_is_never_a_pass(hostile_repository: Change) -> None:
    kinds = "{kinds: [PeerAuthentication, DestinationRule, Miner]}"
    root = rendered(hostile_repository, *KINDS["what nobody knows"], kinds)
    assert main(["validate", "-C", str(root)]) == 6


@pytest.mark.parametrize(
    ("require", "code"), [("", 0), (", undecided: refused", 1)], ids=["told", "refused"]
)
def test_an_environment_may_refuse_what_is_not_decided(
    hostile_repository: Change, require: str, code: int
) -> None:
    dev = "{name: dev, overlay: overlays/dev, mode: floating, require: {mtls: PERMISSIVE%s}}"
    root = hostile_repository("environments.yaml", f"environments:\n  - {dev % require}\n")
    inventory = root / "inventory/dev/shop.yaml"
    inventory.write_text(
        inventory.read_text() + "---\napiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\n"
        "metadata: {name: odd, namespace: shop}\n"
        "spec:\n  configPatches:\n    - applyTo: LISTENER\n"
        "      match: {context: SIDECAR_INBOUND}\n"
        "      patch: {operation: MERGE, value: {}}\n"
    )
    assert main(["validate", "-C", str(root)]) == code
    assert main(["validate", "-C", str(root), "--fail-on", "error"]) == 0
