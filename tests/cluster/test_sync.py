"""`meshgate sync`: what clusters are told, read as Argo CD and Flux read it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from msgspec import structs, to_builtins

from meshgate import config, schema, source
from meshgate.cli import init as init_command
from meshgate.cli import main
from meshgate.cluster.sync import flux, windows
from meshgate.cluster.sync.target import AllowedKind
from meshgate.model import JSONObject, WindowEntry
from meshgate.pipeline.cluster_names import overlap
from places import REPOSITORY

Capture = pytest.CaptureFixture[str]
ARGOCD = "sync/argocd/prod.yaml"
FLUX = "sync/flux/prod/sync.yaml"
POLICY = "policies/mesh-wide/peerauthentication-default.yaml"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    init_command.init(tmp_path / "repository")
    # What a new repository has of it already.
    shutil.rmtree(tmp_path / "repository/sync")
    return tmp_path / "repository"


def sync(root: Path, *arguments: str) -> int:
    return main(["-C", str(root), "sync", *arguments])


def edit(root: Path, change: Callable[[JSONObject], object]) -> None:
    """Change what environments.yaml says."""
    file = root / "environments.yaml"
    value = yaml.safe_load(file.read_text())
    change(value)
    file.write_text(json.dumps(value))


def prod(value: JSONObject) -> JSONObject:
    found: JSONObject = next(each for each in value["environments"] if each["name"] == "prod")
    return found


def objects(root: Path, file: str) -> dict[str, JSONObject]:
    """The objects of a generated file by kind; of several of a kind the last."""
    return {each["kind"]: each for each in yaml.safe_load_all((root / file).read_text())}


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


@pytest.mark.parametrize(
    ("agent", "line"),
    [("argocd", "Prune=confirm"), ("flux", "prune: disabled")],
)
def test_a_policy_that_many_rest_on_is_named(
    repository: Path, capsys: Capture, agent: str, line: str
) -> None:
    sync(repository, agent)
    assert "without a question" not in capsys.readouterr().err

    text = (repository / POLICY).read_text().splitlines(keepends=True)
    (repository / POLICY).write_text("".join(each for each in text if line not in each))

    assert sync(repository, agent) == 0
    told = capsys.readouterr().err
    assert "PeerAuthentication/istio-system/default (dev, prod)" in told
    assert line in told


FREEZE = WindowEntry(
    name="year-end",
    kind="deny",
    start="2026-12-20T18:30",
    end="2027-01-04T06:00",
    timezone="Europe/Berlin",
    description="nobody is here",
)
NIGHTS = WindowEntry(name="nights", kind="deny", cron="0 20 * * *", duration="11h")


def test_a_window_that_denies_everything_is_a_sync_window() -> None:
    freeze, nights = windows.sync_windows([FREEZE, NIGHTS])

    assert freeze == {
        "kind": "deny",
        "schedule": "30 18 20 12 *",
        "duration": "347h30m",
        "timeZone": "Europe/Berlin",
        "applications": ["*"],
        "manualSync": True,
        "description": "nobody is here (2026-12-20T18:30 to 2027-01-04T06:00)",
    }
    assert (nights["schedule"], nights["duration"], nights["timeZone"]) == (
        *("0 20 * * *", "11h", "UTC"),
    )


def test_a_window_lasts_as_long_as_clocks_say() -> None:
    """The night in which Berlin's clocks go back is an hour longer."""
    night = structs.replace(FREEZE, start="2026-10-25T00:00", end="2026-10-25T06:00")

    assert windows.sync_windows([night])[0]["duration"] == "7h"


@pytest.mark.parametrize(
    "window",
    [structs.replace(NIGHTS, kind="allow"), structs.replace(NIGHTS, events=("promote",))],
    ids=["allow", "rollback-may-pass"],
)
def test_a_window_that_lets_something_pass_is_none(window: WindowEntry) -> None:
    assert windows.sync_windows([window]) == []


def test_kinds_are_called_as_their_crds_call_them() -> None:
    """Plurals in RBAC are not checked by anybody: a wrong one is a right that is not there."""
    plurals = {
        "AuthorizationPolicy": "authorizationpolicies",
        "DestinationRule": "destinationrules",
        "EnvoyFilter": "envoyfilters",
        "Gateway": "gateways",
        "PeerAuthentication": "peerauthentications",
        "ProxyConfig": "proxyconfigs",
        "RequestAuthentication": "requestauthentications",
        "ServiceEntry": "serviceentries",
        "Sidecar": "sidecars",
        "Telemetry": "telemetries",
        "TrafficExtension": "trafficextensions",
        "VirtualService": "virtualservices",
        "WasmPlugin": "wasmplugins",
        "WorkloadEntry": "workloadentries",
        "WorkloadGroup": "workloadgroups",
    }

    assert {kind: AllowedKind("", kind).plural for kind in plurals} == plurals


def test_this_repository_says_where_it_is() -> None:
    said = config.load(REPOSITORY).sync

    assert said is not None
    assert said.namespaces == ("boards", "istio-system")


def test_a_stopped_sync_stays_stopped(repository: Path) -> None:
    """`argocd app set --sync-policy none`, `flux suspend`: what nothing here writes back."""
    assert [sync(repository, agent) for agent in ("argocd", "flux")] == [0, 0]
    spec = objects(repository, ARGOCD)["ApplicationSet"]["spec"]
    assert spec["ignoreApplicationDifferences"] == [{"jsonPointers": ["/spec/syncPolicy"]}]
    for each in yaml.safe_load_all((repository / FLUX).read_text()):
        assert "suspend" not in each.get("spec", {})
        assert "suspend" not in json.dumps(each.get("metadata"))


def test_clusters_in_waves(repository: Path) -> None:
    waves = [{"mesh-wave": "canary"}, {"mesh-wave": "main", "region": "eu"}]
    edit(repository, lambda value: prod(value)["clusters"].update(waves=waves))
    assert sync(repository, "argocd") == 0

    spec = objects(repository, ARGOCD)["ApplicationSet"]["spec"]
    assert spec["strategy"]["type"] == "RollingSync"
    first, second = spec["strategy"]["rollingSync"]["steps"]
    assert first["matchExpressions"] == [
        {"key": "mesh-wave", "operator": "In", "values": ["canary"]}
    ]
    assert [each["key"] for each in second["matchExpressions"]] == ["mesh-wave", "region"]
    labels = spec["template"]["metadata"]["labels"]
    assert labels["mesh-wave"] == '{{index .metadata.labels "mesh-wave"}}'
    assert {"mesh-wave", "region", "meshgate/environment"} == set(labels)


@pytest.mark.parametrize("waves", [[], [{}], {"mesh-wave": "a"}, ["a"], [{"a": 1}]])
def test_waves_that_are_none(repository: Path, waves: object) -> None:
    edit(repository, lambda value: prod(value)["clusters"].update(waves=waves))
    assert sync(repository, "argocd") == 2


def renamed(value: JSONObject, name: str, **clusters: object) -> None:
    """A third environment beside prod."""
    value["environments"].append(
        {
            "name": name,
            "overlay": prod(value)["overlay"],
            "mode": "floating",
            "clusters": {"selector": {"mesh-env": name}, **clusters},
        }
    )


@pytest.mark.parametrize(
    ("name", "clusters", "code"),
    [
        ("prod-eu", {}, 2),
        ("prod-eu", {"names": ["eu"]}, 0),
        ("eu", {"names": ["p*-eu"]}, 2),
        ("eu", {"names": ["*"]}, 2),
        ("production", {}, 0),
        ("eu", {"names": ["prod"]}, 2),
    ],
)
def test_no_cluster_is_of_two_environments(
    repository: Path, capsys: Capture, name: str, clusters: JSONObject, code: int
) -> None:
    (repository / "sync/argocd").mkdir(parents=True, exist_ok=True)
    edit(repository, lambda value: renamed(value, name, **clusters))

    assert sync(repository, "argocd") == code
    said = capsys.readouterr().err
    assert main(["-C", str(repository), "validate", "prod"]) == code
    if code:
        assert "a cluster could be of " in said
        assert f"and of {name} (" in said
        assert "clusters: {names: [...]}" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["eu-[ab]", "eu-?", "{eu,prod}", "!eu", "e\\u"])
def test_a_name_that_argo_cd_reads_as_another_pattern(
    repository: Path, capsys: Capture, name: str
) -> None:
    """`!eu` is every cluster but one, also those of other environments."""
    edit(repository, lambda value: renamed(value, "eu", names=[name]))

    assert sync(repository, "argocd") == 2
    assert "Argo CD reads more into it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("a", "a", True),
        ("a*", "ab", True),
        ("a*c", "ab*", True),
        ("*a", "*b", False),
        ("a*", "b*", False),
        ("*", "", True),
        ("a*b*c", "axxbyyc", True),
        ("a*b*c", "axxbyy", False),
    ],
)
def test_patterns_that_overlap(one: str, other: str, *, both: bool) -> None:
    assert overlap(one, other) is both
    assert overlap(other, one) is both


def test_a_long_freeze_is_told(repository: Path, capsys: Capture) -> None:
    freeze = {
        "name": "freeze",
        "kind": "deny",
        "from": "2026-12-18T00:00",
        "to": "2027-01-04T00:00",
        "timezone": "Europe/Berlin",
    }
    edit(repository, lambda value: value.update(windows=[freeze]))

    assert sync(repository, "argocd") == 0
    assert "window freeze lasts, 17 days, Argo CD undoes no drift" in capsys.readouterr().err
    assert sync(repository, "flux") == 0
    assert "freeze" not in capsys.readouterr().err


def test_a_namespace_that_is_not_there_is_told(repository: Path, capsys: Capture) -> None:
    file = repository / "inventory/prod/shop.yaml"
    listed = [each for each in yaml.safe_load_all(file.read_text()) if each]
    for each in listed:
        if each["kind"] == "Namespace":
            each["metadata"]["name"] = "other"
    file.write_text(yaml.safe_dump_all(listed))

    assert sync(repository, "flux", "prod") == 0
    assert "shop is no namespace of inventory/prod" in capsys.readouterr().err


def with_variable(value: JSONObject, mode: str) -> None:
    prod(value).update(mode=mode, substitute={"MODE": "STRICT"})
    for key in ("gates", "gatesWaived", "soak", "approvals"):
        prod(value).pop(key, None)
    if mode == "pinned":
        prod(value).update(gates=[], gatesWaived="x")


def test_who_puts_values_of_variables_in(repository: Path, capsys: Capture) -> None:
    policy = repository / POLICY
    policy.write_text(policy.read_text().replace("STRICT", "${MODE}"))
    edit(repository, lambda value: with_variable(value, "floating"))

    assert sync(repository, "flux", "prod") == 0
    spec = objects(repository, FLUX)["Kustomization"]["spec"]
    assert spec["postBuild"] == {"substitute": {"MODE": "STRICT"}}
    assert sync(repository, "argocd", "prod") == 2
    assert "Argo CD puts no values in" in capsys.readouterr().err

    edit(repository, lambda value: with_variable(value, "pinned"))
    assert [sync(repository, agent, "prod") for agent in ("argocd", "flux")] == [0, 0]
    assert "postBuild" not in objects(repository, FLUX)["Kustomization"]["spec"]
