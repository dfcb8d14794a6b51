"""Which schema judges an object, and what is said of it."""

from __future__ import annotations

import pytest

from checked_objects import (
    DR,
    MINORS,
    PA,
    manifest,
    said,
    violations,
)
from meshgate.errors import SchemaMissingError
from meshgate.model import JSON
from meshgate.schema import catalog


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize("api_version", ["security.istio.io/v1", "security.istio.io/v1beta1"])
def test_what_is_served_passes(minor: str, api_version: str) -> None:
    assert violations({**PA, "apiVersion": api_version}, istio=minor) == []


def test_a_full_version_picks_its_minor() -> None:
    assert catalog.catalog_of("1.29.2") == catalog.catalog_of("v1.29")


def test_an_unknown_istio_has_no_schemas() -> None:
    with pytest.raises(SchemaMissingError, match=r"1\.27") as raised:
        violations(PA, istio="1.27")

    assert raised.value.exit_code == 6
    assert "1.28, 1.29, 1.30, 1.31" in raised.value.why


@pytest.mark.parametrize(
    ("api_version", "kind", "first"),
    [
        ("security.istio.io/v1alpha1", "PeerAuthentication", "security.istio.io/v1"),
        ("networking.istio.io/v1alpha1", "DestinationRule", "networking.istio.io/v1"),
        ("networking.istio.io/v1", "EnvoyFilter", "networking.istio.io/v1alpha3"),
        ("networking.istoi.io/v1", "DestinationRule", "networking.istio.io/v1"),
        ("istio.io/v1", "DestinationRule", "networking.istio.io/v1"),
        ("v1", "PeerAuthentication", "security.istio.io/v1"),
        ("v1", "Deployment", "apps/v1"),
        ("extensions/v1beta1", "Deployment", "apps/v1"),
        ("batch/v1beta1", "CronJob", "batch/v1"),
        ("argoproj.io/v1", "Application", "argoproj.io/v1alpha1"),
    ],
)
def test_a_version_nobody_serves(api_version: str, kind: str, first: str) -> None:
    [violation] = violations(manifest(api_version, kind))

    assert (violation.rule, violation.path) == ("SH007", "apiVersion")
    assert violation.fix == f"write apiVersion: {first}"


def test_the_versions_are_told_best_first() -> None:
    [(_, _, message)] = said({**DR, "apiVersion": "networking.istio.io/v3"})

    assert message.endswith(
        "networking.istio.io/v1, networking.istio.io/v1beta1, networking.istio.io/v1alpha3"
    )


def test_a_kind_of_a_newer_istio() -> None:
    extension = manifest(
        "extensions.istio.io/v1alpha1", "TrafficExtension", lua={"inlineCode": "x"}
    )

    assert said(extension, istio="1.30") == []
    assert said(extension, istio="1.29") == [
        ("SH007", "kind", "Istio 1.29 does not serve TrafficExtension; Istio 1.30, 1.31 does")
    ]


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("gateway.networking.k8s.io/v1", "Gateway"),
        ("serving.knative.dev/v1", "Service"),
        ("policy.linkerd.io/v1alpha1", "AuthorizationPolicy"),
        ("batch.volcano.sh/v1alpha1", "Job"),
        ("app.k8s.io/v1beta1", "Application"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("install.istio.io/v1alpha1", "IstioOperator"),
        ("kustomize.config.k8s.io/v1beta1", "Kustomization"),
    ],
)
def test_what_is_no_policy_is_left_alone(api_version: str, kind: str) -> None:
    assert violations(manifest(api_version, kind, anything=1)) == []
    assert violations(manifest(api_version, kind), allowed=["PeerAuthentication", "Gateway"]) == []


def test_an_unknown_kind_of_the_mesh_is_missing() -> None:
    with pytest.raises(SchemaMissingError, match=r"a\.yaml.*PeerAuthenticaton") as raised:
        violations(PA, manifest("security.istio.io/v1", "PeerAuthenticaton"))

    assert raised.value.exit_code == 6
    assert raised.value.hint == "did you mean `PeerAuthentication`?"


def test_an_unknown_kind_that_is_not_allowed_is_another_rules_finding() -> None:
    policy = manifest("security.istio.io/v1", "SecurityPolicy")

    assert violations(policy, allowed=["PeerAuthentication"]) == []
    with pytest.raises(SchemaMissingError):
        violations(policy, allowed=["SecurityPolicy"])


def test_a_plain_kind_that_is_allowed_needs_a_schema() -> None:
    role = manifest("rbac.authorization.k8s.io/v1", "Role")

    assert violations(role) == []
    with pytest.raises(SchemaMissingError, match="Role"):
        violations(role, allowed=["PeerAuthentication", "Role"])


@pytest.mark.parametrize("group", ["authentication.istio.io/v1alpha1", "rbac.istio.io/v1alpha1"])
def test_an_api_group_that_is_gone(group: str) -> None:
    [(rule, path, message)] = said(manifest(group, "Policy"))

    assert (rule, path) == ("SH007", "apiVersion")
    assert group.partition("/")[0] in message


@pytest.mark.parametrize("value", [None, "", 7, ["v1"]])
@pytest.mark.parametrize("field", ["apiVersion", "kind"])
def test_an_object_without_a_type(field: str, value: JSON) -> None:
    assert said({**PA, field: value}) == [("SH002", field, f"`{field}` is missing")]
