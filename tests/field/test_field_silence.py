"""Situations of which meshgate said nothing, from public reports; a file's head says what is right.

A file with `# file:` marks is a change to a repository that `meshgate init` makes.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import git
import pytest
from field_trees import Capture, Linted, judged, lint

from meshgate.cli import main
from written_files import write_files

INPUTS = Path(__file__).parent / "silence"
MARK = re.compile(r"^(?:---\n)?# file: (.+)$\n", re.MULTILINE)


def case(name: str) -> Path:
    """The input whose name starts so."""
    (found,) = INPUTS.glob(f"{name}-*.yaml")
    return found


def changed(name: str, folder: Path, capsys: Capture) -> Path:
    """A new repository, committed, with the files of a change in its working tree."""
    assert main(["init", str(folder)]) == 0
    capsys.readouterr()
    with git.Repo.init(folder, initial_branch="main") as repository:
        repository.git.add("--all")
        repository.git.commit("-m", "base")
    _, *parts = MARK.split(case(name).read_text("utf-8"))
    return write_files(folder, dict(zip(parts[::2], parts[1::2], strict=True)))


def of(found: Linted, rule: str) -> list[str]:
    """What one rule says, undecided or not."""
    return [str(each["message"]) for each in found.findings if each["rule"] == rule]


def outcomes(capsys: Capture, *arguments: str) -> list[tuple[str, str, str]]:
    """Client, host and port, outcome of each call of a file."""
    assert main(["calls", *arguments, "--format", "json"]) == 0
    calls = json.loads(capsys.readouterr().out)["calls"]
    return [
        (
            f"{each['client']['namespace']}/{each['client']['workload']}",
            f"{each['host'].partition('.svc')[0]}:{each['port']}",
            each["outcome"],
        )
        for each in calls
    ]


def test_40_a_subset_that_clients_do_not_get(capsys: Capture) -> None:
    found = lint(capsys, case("40"))

    assert found.code == 1
    assert "DestinationRule/default/lamp defines the subset" in of(found, "CA009")[0]
    assert main(["explain", "north/moth", "lamp:80", str(case("40"))]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "no rule that this client gets defines subset v1" in told
    assert "Move default/lamp, which defines subset v1, to namespace north" in told
    assert "DISABLE" not in told


def test_78_a_route_to_what_is_no_service(capsys: Capture) -> None:
    found = lint(capsys, case("78"))

    assert found.code == 1
    assert "lamp.south.svc.cluster.local is no service" in of(found, "VS003")[0]
    assert ("south/moth", "lamp.north:80", "no-cluster") in outcomes(capsys, str(case("78")))
    assert main(["explain", "south/moth", "lamp.north:80", str(case("78"))]) == 0
    assert "leads calls to lamp.south" in " ".join(capsys.readouterr().out.split())


def test_explain_speaks_where_a_redirect_answers(tmp_path: Path, capsys: Capture) -> None:
    text = case("78").read_text("utf-8")
    route = re.compile(r"  - route:\n.*\n")
    file = tmp_path / "mesh.yaml"
    file.write_text(route.sub("  - directResponse: {status: 404}\n", text), encoding="utf-8")
    assert main(["explain", "south/moth", "lamp.north:80", str(file)]) == 0

    assert "answered by the client's proxy" in capsys.readouterr().out


def test_37_a_service_that_a_sidecar_hides(capsys: Capture) -> None:
    seen = ("front/web", "api.back:80", "ok-plaintext")

    assert seen in outcomes(capsys, str(case("37")))
    assert seen in outcomes(capsys, str(case("37")), "--from", "front/web")
    assert seen in outcomes(capsys, str(case("37")), "--to", "api:80")
    assert any("hides api.back.svc" in each for each in of(lint(capsys, case("37")), "CA005"))


def test_56_metadata_that_makes_a_policy_anew(tmp_path: Path, capsys: Capture) -> None:
    found = judged(capsys, "-C", changed("56", tmp_path, capsys), "validate", "prod")

    assert found.code == 1
    assert len(of(found, "RE008")) == 3


def test_53_patches_that_replace_lists(tmp_path: Path, capsys: Capture) -> None:
    found = judged(capsys, "-C", changed("53", tmp_path, capsys), "validate", "prod")

    told = of(found, "RE002")
    assert len(told) == 3
    assert any("notPrincipals" in each for each in told)
    assert any("the route for [{uri: {prefix: /v2}}]" in each for each in told)
    assert any("loses 8443" in each for each in told)


def test_55_what_takes_the_mesh_wide_policy_away(tmp_path: Path, capsys: Capture) -> None:
    folder = changed("55", tmp_path, capsys)
    found = judged(capsys, "-C", folder, "validate", "prod")

    patch = {"file": "overlays/prod/kustomization.yaml", "line": 9, "column": 7}
    (lost,) = [each for each in found.findings if each["rule"] == "PA007"]
    assert lost["source"] == patch
    assert "deletes PeerAuthentication/istio-system/default" in str(lost["message"])
    assert main(["-C", str(folder), "diff", "--env", "prod"]) == 1
    told = capsys.readouterr().out
    assert "overlays/prod/kustomization.yaml:9:7 error TR002" in told
    assert "overlays/prod/kustomization.yaml:9:7 error TR003" in told


def test_10_the_api_server_at_ztunnel(capsys: Capture) -> None:
    (told,) = [each for each in lint(capsys, case("10")).findings if each["rule"] == "PA013"]

    assert "PERMISSIVE" in str(told["fix"])
    assert "excludeInboundPorts" not in str(told["fix"])


def test_70_discovery_selectors_that_leave_the_root_out(tmp_path: Path, capsys: Capture) -> None:
    facts = tmp_path / "mesh.yaml"
    selector = "mesh:\n  discoverySelectors:\n  - matchLabels: {%s}\n"
    facts.write_text(selector % "istio-injection: enabled", encoding="utf-8")
    found = lint(capsys, case("70"), "--mesh", facts)

    assert found.code == 1
    assert "istiod does not see this policy" in of(found, "PA007")[0]
    both = "  - matchLabels: {kubernetes.io/metadata.name: istio-system}\n"
    facts.write_text(selector % "istio-injection: enabled" + both, encoding="utf-8")
    assert of(lint(capsys, case("70"), "--mesh", facts), "PA007") == []


@pytest.mark.parametrize(
    ("name", "rule", "says"),
    [
        ("19", "CA011", "squirrel-peers, which serviceName names, is no Service here"),
        ("25", "DR020", "toward rates.example.com:443, which is declared https"),
        ("35", "CA012", "the CronJob's own label sidecar.istio.io/inject: false does nothing"),
        ("39", "DR021", "nothing shows that the proxies of desk/teller have /etc/rates/tls.crt"),
        ("66", "CA012", "the pod's annotation sidecar.istio.io/inject: true does nothing"),
        ("79", "VS004", "gate/front sends it plain HTTP"),
    ],
)
def test_one_finding_tells_it(name: str, rule: str, says: str, capsys: Capture) -> None:
    (told,) = of(lint(capsys, case(name)), rule)

    assert says in told


def test_20_an_ingress_controller_that_calls_pods(tmp_path: Path, capsys: Capture) -> None:
    door, coats = "doorway/nginx-door", "coats.hall:80"
    assert (door, coats, "unknown") in outcomes(capsys, str(case("20")))
    told = "metadata: {name: coats, namespace: hall, annotations: {%s}}\nspec:\n  ingressClassName"
    upstream = "nginx.ingress.kubernetes.io/service-upstream: 'true', "
    upstream += "nginx.ingress.kubernetes.io/upstream-vhost: coats.hall.svc.cluster.local"
    text = case("20").read_text("utf-8")
    plain = "metadata: {name: coats, namespace: hall}\nspec:\n  ingressClassName"
    assert plain in text
    file = tmp_path / "mesh.yaml"
    file.write_text(text.replace(plain, told % upstream), encoding="utf-8")
    assert (door, coats, "ok-mtls") in outcomes(capsys, str(file))


def test_72_a_machine_without_service_account(tmp_path: Path, capsys: Capture) -> None:
    assert ("yard/gate", "crane.yard:80", "unknown") in outcomes(capsys, str(case("72")))
    text = case("72").read_text("utf-8")
    file = tmp_path / "mesh.yaml"
    file.write_text(text.replace("STRICT", "PERMISSIVE"), encoding="utf-8")
    assert ("yard/gate", "crane.yard:80", "ok-plaintext") in outcomes(capsys, str(file))


def test_58_a_subset_and_the_route_to_it_in_one_commit(tmp_path: Path, capsys: Capture) -> None:
    folder = changed("58", tmp_path, capsys)

    assert main(["-C", str(folder), "diff", "--env", "prod"]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "no-cluster (new routes, old clusters)" in told
    assert "split it: define the subset first" in told
    assert main(["-C", str(folder), "steps", "--env", "prod"]) == 0
    first, second = capsys.readouterr().out.partition("step 2 of 2")[::2]
    assert "DestinationRule/shop/cart" in first
    assert "VirtualService/shop/cart" in second
