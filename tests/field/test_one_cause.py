"""One cause is one finding: many objects of one cause, and what ends with another's repair."""

from __future__ import annotations

from pathlib import Path

import yaml
from field_trees import REPOSITORIES, Capture, judged, lint

from meshes import Object, destination_rule, namespace, peer_authentication, service
from meshes import deployment as bare_deployment
from written_files import write_files

APPLICATIONS = 12
STRICT = peer_authentication("default", "istio-system", "STRICT", age=None)


def deployment(name: str, place: str, labels: Object | None = None) -> Object:
    """A Deployment as the API server takes it."""
    found = bare_deployment(name, place, labels)
    found["spec"]["selector"] = {"matchLabels": {"app": name}}
    return found


def file(root: Path, *objects: object) -> Path:
    """The objects in one file of a folder."""
    write_files(root, {"mesh.yaml": yaml.safe_dump_all(objects)})
    return root / "mesh.yaml"


def applications(mode: str) -> list[object]:
    """Many applications, each with a namespace policy of its own."""
    found: list[object] = [namespace("istio-system", None)]
    for number in range(APPLICATIONS):
        place = f"app{number:02}"
        found += [namespace(place), deployment("web", place), service("web", place)]
        found.append(peer_authentication("default", place, mode, age=None))
    return found


def test_policies_that_repeat_a_wider_one_are_one_finding(tmp_path: Path, capsys: Capture) -> None:
    found = lint(capsys, file(tmp_path, *applications("STRICT"), STRICT))

    (told,) = found.findings
    assert told["rule"] == "PA011"
    assert str(told["message"]).startswith(
        "12 policies say what PeerAuthentication/istio-system/default gives without them"
    )
    assert "app00/default" in str(told["message"])
    related = told["related"]
    assert isinstance(related, list)
    assert len(related) == APPLICATIONS - 1


def test_a_waived_one_stands_for_itself(tmp_path: Path, capsys: Capture) -> None:
    waiver = (
        "waivers:\n- {rule: PA011, resource: PeerAuthentication/app00/default, owner: a, "
        "reason: kept on purpose, expires: 2099-01-01}\n"
    )
    overlay = {
        "environments.yaml": "environments:\n- {name: prod, overlay: overlays/prod}\n",
        "overlays/prod/kustomization.yaml": "resources: [mesh.yaml]\n",
        "overlays/prod/mesh.yaml": yaml.safe_dump_all([*applications("STRICT"), STRICT]),
        "waivers/prod.yaml": waiver,
    }
    found = judged(capsys, "-C", write_files(tmp_path, overlay), "validate")

    told = {
        each["waiver"] is None: str(each["message"])
        for each in found.findings
        if each["rule"] == "PA011"
    }
    assert told[True].startswith("11 policies")
    assert told[False].startswith("every port of every workload")


def test_ports_that_one_policy_opens_are_told_with_it(tmp_path: Path, capsys: Capture) -> None:
    wide = peer_authentication("default", "istio-system", "PERMISSIVE", age=None)
    objects = [each for each in applications("STRICT") if "Peer" not in str(each)]
    found = lint(capsys, file(tmp_path, *objects, wide))

    (told,) = found.findings
    assert told["rule"] == "PA001"
    assert "CA005 follows from it: 12 ports accept plaintext" in str(told["related"])


def test_hosts_that_one_wildcard_reaches_are_one_finding(tmp_path: Path, capsys: Capture) -> None:
    bare = []
    for number in range(APPLICATIONS):
        labels = {"app": f"db{number}", "sidecar.istio.io/inject": "false"}
        bare += [deployment(f"db{number}", "app00", labels), service(f"db{number}", "app00")]
    rule = destination_rule("wide", "istio-system", "*.local", "ISTIO_MUTUAL", age=None)
    found = lint(capsys, file(tmp_path, *applications("STRICT"), STRICT, *bare, rule))

    assert found.rules.count("DR012") == 1
    assert found.rules.count("CA002") == 1
    (reached,) = [str(each["message"]) for each in found.findings if each["rule"] == "DR012"]
    assert reached.startswith("for 13 hosts this rule for *.local wins")


def test_what_a_refused_policy_would_give_is_told_with_it(tmp_path: Path, capsys: Capture) -> None:
    refused = peer_authentication(
        "default", "istio-system", "STRICT", age=None, ports={80: "STRICT"}
    )
    objects = [namespace("istio-system", None), namespace("shop"), deployment("web", "shop")]
    found = lint(capsys, file(tmp_path, *objects, refused))

    (told,) = found.findings
    assert told["rule"] == "SH003"
    assert "CA005 follows from it" in str(told["related"])


def test_the_port_of_a_service_in_a_table_is_one_finding(tmp_path: Path, capsys: Capture) -> None:
    policy = peer_authentication(
        "web", "shop", "STRICT", age=None, selector={"app": "web"}, ports={80: "STRICT"}
    )
    policy["spec"]["mtls"] = {"mode": "PERMISSIVE"}
    objects = [namespace("shop"), deployment("web", "shop"), service("web", "shop")]
    found = lint(capsys, file(tmp_path, *objects, policy))

    assert found.rules == ["PA001", "PA006"]


def test_a_port_for_the_api_server_has_one_finding_and_one_repair(capsys: Capture) -> None:
    folder = REPOSITORIES / "03-webhook-port"

    assert lint(capsys, folder / "strict.yaml").rules == ["PA013"]
    assert lint(capsys, folder / "permissive.yaml").rules == ["PA002"]


def test_who_gets_in_by_a_refused_policy_is_told_with_it(tmp_path: Path, capsys: Capture) -> None:
    inside: list[object] = [namespace("shop"), deployment("web", "shop"), service("web", "shop")]
    inside.append(deployment("cart", "shop"))
    api = {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy"}
    nobody = {**api, "metadata": {"name": "nobody", "namespace": "shop"}, "spec": {}}
    web = {
        **api,
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "rulez": [{}]},
    }
    environments = (
        "environments:\n- {name: prod, overlay: overlays/prod, require: {kinds: ['*']}}\n"
    )
    expected = (
        "expectations:\n- {from: shop/cart, to: 'web.shop.svc.cluster.local:80', "
        "outcome: ok-mtls}\n"
    )
    write_files(
        tmp_path,
        {
            "environments.yaml": environments,
            "expectations/prod.yaml": expected,
            "overlays/prod/kustomization.yaml": "resources: [mesh.yaml]\n",
            "overlays/prod/mesh.yaml": yaml.safe_dump_all([*inside, STRICT, nobody, web]),
        },
    )

    found = judged(capsys, "-C", tmp_path, "validate")

    assert "CA008" not in found.rules
    told = next(each for each in found.findings if each["rule"] == "SH002")
    assert any("CA008 follows from it" in str(each) for each in told["related"])  # type: ignore[attr-defined]
    # Where no policy is refused, those that decide are named.
    mended = {**web, "spec": {"selector": {"matchLabels": {"app": "web"}}}}
    objects = [*inside, STRICT, nobody, mended]
    write_files(tmp_path, {"overlays/prod/mesh.yaml": yaml.safe_dump_all(objects)})
    found = judged(capsys, "-C", tmp_path, "validate")
    told = next(each for each in found.findings if each["rule"] == "CA008")
    assert "AuthorizationPolicy" in str(told["related"])
