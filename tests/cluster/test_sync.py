"""`meshgate sync`: what clusters are told, read as Argo CD and Flux read it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from msgspec import to_builtins

from meshgate import schema, source
from meshgate.cluster.sync import flux
from meshgate.model import JSONObject
from synced_repository import (
    ARGOCD,
    FLUX,
    FREEZE,
    NIGHTS,
    POLICY,
    Capture,
    edit,
    objects,
    prod,
    sync,
)

pytestmark = pytest.mark.usefixtures("never_synced")


def test_what_is_written_is_fresh_until_something_changes(
    repository: Path, capsys: Capture
) -> None:
    assert sync(repository, "argocd", "--check") == 1
    assert not (repository / "sync").exists()
    assert [sync(repository, agent) for agent in ("argocd", "flux")] == [0, 0]
    assert [sync(repository, agent, "--check") for agent in ("argocd", "flux")] == [0, 0]

    edit(repository, lambda value: value["sync"].update(branch="release"))
    capsys.readouterr()

    assert [sync(repository, agent, "prod", "--check") for agent in ("argocd", "flux")] == [1, 1]
    told = capsys.readouterr()
    assert ARGOCD in told.out
    assert FLUX in told.out
    assert "run `meshgate sync flux`" in told.err


def test_the_files_of_an_environment_that_is_gone(repository: Path, capsys: Capture) -> None:
    own = repository / "sync/flux/dev/notifications.yaml"
    sync(repository, "flux")
    own.write_text("kind: Alert\n")

    def remove(value: JSONObject) -> None:
        value["environments"] = [{**prod(value), "after": []}]

    edit(repository, remove)
    for folder in ("inventory/dev", "expectations/dev.yaml"):
        (repository / folder).rename(repository / folder.replace("/", "-"))
    assert sync(repository, "flux", "--check") == 1
    assert "sync/flux/dev/sync.yaml: of an environment that is gone" in capsys.readouterr().out

    assert sync(repository, "flux") == 0
    assert own.exists(), "what people wrote is theirs"
    assert not own.with_name("sync.yaml").exists()


@pytest.mark.parametrize("mode", ["floating", "pinned"])
@pytest.mark.parametrize("verify", [{}, {"keys": ["0123456789ABCDEF"], "secret": "signers"}])
def test_the_crds_of_both_agents_accept_it(repository: Path, mode: str, verify: JSONObject) -> None:
    def change(value: JSONObject) -> None:
        prod(value)["mode"] = mode
        value["sync"] |= {"verify": verify} if verify else {}
        value["windows"] = to_builtins([FREEZE, NIGHTS])

    edit(repository, change)
    assert [sync(repository, agent) for agent in ("argocd", "flux")] == [0, 0]

    found = [
        resource
        for file in sorted((repository / "sync").rglob("*.yaml"))
        for resource in source.read_path(repository, file).resources
        if resource.group != "rbac.authorization.k8s.io"
    ]
    assert {resource.kind for resource in found} == {
        *("AppProject", "ApplicationSet", "GitRepository", "Kustomization", "ServiceAccount"),
    }
    assert schema.check(found, istio="1.31", engine="jsonschema", allowed=None) == []


@pytest.mark.parametrize("agent", ["argocd", "flux"])
def test_what_renders_to_nothing_is_synced_by_nobody(
    repository: Path, capsys: Capture, agent: str
) -> None:
    (repository / "overlays/dev/kustomization.yaml").write_text("resources: []\n")

    assert sync(repository, agent) == 5
    assert "overlays/dev renders to nothing" in capsys.readouterr().err


def test_argo_cd_heals_and_never_empties(repository: Path) -> None:
    sync(repository, "argocd")
    spec = objects(repository, ARGOCD)["ApplicationSet"]["spec"]
    policy = spec["template"]["spec"]["syncPolicy"]

    assert policy["automated"] == {"prune": True, "selfHeal": True, "allowEmpty": False}
    assert {"ServerSideApply=true", "FailOnSharedResource=true", "PruneLast=true"} <= {
        *policy["syncOptions"]
    }
    assert spec["syncPolicy"] == {
        "applicationsSync": "create-update",
        "preserveResourcesOnDeletion": True,
    }
    assert (spec["goTemplate"], spec["goTemplateOptions"]) == (True, ["missingkey=error"])
    assert spec["template"]["spec"]["project"] == "mesh-policies-prod"
    assert spec["generators"] == [
        {"clusters": {"selector": {"matchLabels": {"mesh-env": "prod"}}}},
    ]


def test_the_project_permits_what_the_policies_need_and_no_more(repository: Path) -> None:
    def change(value: JSONObject) -> None:
        prod(value)["require"]["kinds"] = ["PeerAuthentication", "DestinationRule"]
        prod(value)["clusters"]["names"] = ["eu-1"]

    edit(repository, change)
    sync(repository, "argocd")
    project = objects(repository, ARGOCD)["AppProject"]["spec"]

    assert project["namespaceResourceWhitelist"] == [
        {"group": "networking.istio.io", "kind": "DestinationRule"},
        {"group": "security.istio.io", "kind": "PeerAuthentication"},
    ]
    assert project["clusterResourceWhitelist"] == []
    # The first is for the Application, which has no namespace of its own.
    assert project["destinations"] == [
        {"name": "eu-1"},
        {"name": "eu-1", "namespace": "istio-system"},
        {"name": "eu-1", "namespace": "shop"},
    ]


def test_flux_may_touch_policy_kinds_only(repository: Path) -> None:
    edit(
        repository,
        lambda value: prod(value)["require"].update(kinds=["AuthorizationPolicy", "Gateway"]),
    )
    sync(repository, "flux")
    documents = list(yaml.safe_load_all((repository / FLUX).read_text()))

    roles = [each for each in documents if each["kind"] in {"Role", "ClusterRole"}]
    assert [role["metadata"]["namespace"] for role in roles] == ["istio-system", "shop"]
    assert {
        (group, resource)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    } == {("security.istio.io", "authorizationpolicies"), ("networking.istio.io", "gateways")}
    kustomization = next(each for each in documents if each["kind"] == "Kustomization")["spec"]
    account = next(each for each in documents if each["kind"] == "ServiceAccount")["metadata"]
    assert kustomization["serviceAccountName"] == account["name"]
    assert (kustomization["prune"], kustomization["force"]) == (True, False)
    assert kustomization["deletionPolicy"] == "Orphan"
    assert "postBuild" not in kustomization


@pytest.mark.parametrize(
    ("mode", "path", "folders"),
    [
        ("floating", "overlays/prod", ["/overlays/prod", "/policies"]),
        ("pinned", "rendered/prod", ["/rendered/prod"]),
    ],
)
def test_what_is_synced(repository: Path, mode: str, path: str, folders: list[str]) -> None:
    edit(repository, lambda value: prod(value).update(mode=mode))
    for agent in ("argocd", "flux"):
        sync(repository, agent)
    template = objects(repository, ARGOCD)["ApplicationSet"]["spec"]["template"]
    found = objects(repository, FLUX)

    assert template["spec"]["source"]["path"] == path
    assert ("directory" in template["spec"]["source"]) == (mode == "pinned")
    annotations = template["metadata"]["annotations"]
    assert annotations["argocd.argoproj.io/manifest-generate-paths"] == ";".join(folders)
    assert found["Kustomization"]["spec"]["path"] == f"./{path}"
    ignore = found["GitRepository"]["spec"]["ignore"].splitlines()
    assert ignore[0] == "/*"
    assert {line[1:] for line in ignore if line.startswith("!")} == {
        *folders,
        f"/{path.partition('/')[0]}",
    }


def test_a_pinned_environment_keeps_the_namespaces_it_still_has(repository: Path) -> None:
    edit(repository, lambda value: prod(value).update(mode="pinned"))
    held = repository / "rendered/prod/cart/peerauthentication-default.yaml"
    held.parent.mkdir(parents=True)
    text = (repository / POLICY).read_text().replace("istio-system", "cart")
    held.write_text(text)
    sync(repository, "argocd")

    destinations = objects(repository, ARGOCD)["AppProject"]["spec"]["destinations"]
    assert {each.get("namespace") for each in destinations if each["name"] == "prod"} == {
        *(None, "cart", "istio-system", "shop"),
    }


def test_an_ignore_list_denies_first() -> None:
    assert flux.ignored(["policies", "overlays/b", "overlays/a"]) == [
        *("/*", "!/overlays", "/overlays/*", "!/overlays/a", "!/overlays/b", "!/policies"),
    ]


def test_signatures(repository: Path) -> None:
    verify = {"mode": "TagAndHEAD", "keys": ["0123456789ABCDEF"], "secret": "signers"}
    edit(repository, lambda value: value["sync"].update(tag="synced", verify=verify))
    for agent in ("argocd", "flux"):
        sync(repository, agent)

    git = objects(repository, FLUX)["GitRepository"]["spec"]
    assert git["ref"] == {"tag": "synced"}
    assert git["verify"] == {"mode": "TagAndHEAD", "secretRef": {"name": "signers"}}
    argocd = objects(repository, ARGOCD)
    policies = argocd["AppProject"]["spec"]["sourceIntegrity"]["git"]["policies"]
    assert policies[0]["gpg"] == {"mode": "head", "keys": ["0123456789ABCDEF"]}
    assert argocd["ApplicationSet"]["spec"]["template"]["spec"]["source"]["targetRevision"] == (
        "synced"
    )


REFUSED: dict[str, tuple[str, Callable[[JSONObject], object], str]] = {
    "no-sync": ("flux", lambda value: value.pop("sync"), "has no `sync`"),
    "branch-and-tag": (
        "flux",
        lambda value: value["sync"].update(branch="main", tag="v1"),
        "a branch and a tag",
    ),
    "no-selector": ("argocd", lambda value: prod(value).pop("clusters"), "`clusters.selector`"),
    "unsigned-for-argo-cd": (
        "argocd",
        lambda value: value["sync"].update(verify={"secret": "signers"}),
        "has no `keys`",
    ),
    "unsigned-for-flux": (
        "flux",
        lambda value: value["sync"].update(verify={"keys": ["0123456789ABCDEF"]}),
        "has no `secret`",
    ),
    "no-tag-to-verify": (
        "flux",
        lambda value: value["sync"].update(verify={"mode": "Tag", "secret": "signers"}),
        "`sync` has no tag",
    ),
    "foreign-namespace": (
        "flux",
        lambda value: value["sync"].update(namespaces=["shop"]),
        "PeerAuthentication/istio-system/default is in a namespace",
    ),
    "unknown-kind": (
        "argocd",
        lambda value: prod(value)["require"].update(kinds=["PeerAuthentications"]),
        "no known API group",
    ),
    "password-in-the-address": (
        "flux",
        lambda value: value["sync"].update(repository="https://me:secret@git.example.com/x.git"),
        "without a password",
    ),
}


@pytest.mark.parametrize("situation", REFUSED)
def test_refused_with_the_way_out(situation: str, repository: Path, capsys: Capture) -> None:
    agent, change, told = REFUSED[situation]
    edit(repository, change)
    capsys.readouterr()

    assert sync(repository, agent) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "hint: " in error
    assert not (repository / "sync").exists()
