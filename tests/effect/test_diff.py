"""`meshgate diff` on this repository: what a change does, between revisions and environments."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import git
import jsonschema_rs
import pytest

from hostile_repository import rewrite
from meshgate.cli import main
from meshgate.promotion.forges import Draft
from meshgate.promotion.forges.local import LocalForge
from places import REPOSITORY
from without_authorization import ROGUE

MODE = "overlays/dev/boards-permissive.yaml"
Told = dict[str, Any]


@pytest.fixture
def repository(transport_policies: Path) -> Path:
    return transport_policies


@pytest.fixture
def told(repository: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Told]]:
    """Run `meshgate diff`; its exit code, and its JSON, which fits the schema."""
    schema = json.loads((REPOSITORY / "schemas/meshgate/effect.schema.json").read_text("utf-8"))
    valid = jsonschema_rs.validator_for(schema)

    def run(*arguments: str) -> tuple[int, Told]:
        code = main(["-C", str(repository), "diff", "--format", "json", *arguments])
        document = json.loads(capsys.readouterr().out)
        valid.validate(document)
        return code, document

    return run


def members(environment: Told, change: str) -> set[str]:
    """The clients whose calls change so."""
    return {
        name
        for call in environment["calls"]
        if call["change"] == change
        for name in environment["clients"][call["clients"]]["members"]
    }


def test_strict_shuts_out_clients_without_a_sidecar_and_changes_no_other_call(
    repository: Path, told: Callable[..., tuple[int, Told]]
) -> None:
    rewrite(repository / MODE, "PERMISSIVE", "STRICT")
    # The one call of the pod without an owner that somebody still expects.
    rewrite(repository / "expectations/dev.yaml", ROGUE, "")

    code, document = told()

    dev, *others = document["environments"]
    assert code == 0
    assert document["findings"] == []
    assert {call["change"] for call in dev["calls"]} == {"shut-out"}
    assert {call["before"] for call in dev["calls"]} == {"ok-plaintext"}
    assert {call["after"] for call in dev["calls"]} == {"refused"}
    assert "boards/rogue" in members(dev, "shut-out")
    assert {clients["dataPlane"] for clients in dev["clients"].values()} == {"none"}
    assert {port["change"] for port in dev["ports"]} == {"tightened"}
    assert dev["transition"]["safe"]
    assert all(environment["empty"] for environment in others)


def test_a_client_that_is_expected_is_no_longer_shut_out_but_breaks(
    repository: Path, told: Callable[..., tuple[int, Told]]
) -> None:
    rewrite(repository / MODE, "PERMISSIVE", "STRICT")

    code, document = told("--env", "dev")

    (dev,) = document["environments"]
    assert code == 1
    assert members(dev, "breaks") == {"boards/rogue"}
    assert [finding["rule"] for finding in document["findings"]] == ["TR004"]
    assert dev["breaksDigest"]


def test_calls_that_were_seen_are_tried_on_the_change(
    repository: Path, told: Callable[..., tuple[int, Told]], tmp_path: Path
) -> None:
    rewrite(repository / MODE, "PERMISSIVE", "STRICT")
    traffic = tmp_path / "traffic.yaml"
    seen = "security: {}, rate: 1.5, lastSeen: 2026-08-01T11:00:00Z"
    host = "boards.boards.svc.cluster.local"
    traffic.write_text(
        "version: 1\nenvironment: dev\nsource: a test\n"
        "window: {from: 2026-07-25T12:00:00Z, to: 2026-08-01T12:00:00Z}\ncalls:\n"
        f"- {{from: boards/app-ui, to: {host}, port: 8080, {seen.format('mutual_tls')}}}\n"
        f"- {{from: unknown, to: {host}, port: 8080, {seen.format('none')}}}\n"
    )

    code, document = told("--env", "dev", "--traffic", str(traffic))

    (dev,) = document["environments"]
    assert code == 1
    assert dev["traffic"]["counts"] == {"fails": 1, "undecided": 0, "holds": 1}
    assert [call["client"] for call in dev["traffic"]["fails"]] == [None]


def test_one_comment_tells_the_change_and_is_kept_up_to_date(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = tmp_path / "hub.git"
    with git.Repo(repository) as made:
        made.git.clone("--bare", str(repository), str(hub))
        made.git.commit("--allow-empty", "-m", "a change")
        made.git.push(str(hub), "HEAD:change")
        made.git.reset("--hard", "HEAD~1")
    forge = LocalForge(hub, "bot")
    number = forge.create(Draft("change", "main", "a change", "")).number
    for name, value in (("", "local"), ("_URL", str(hub)), ("_TOKEN", "bot")):
        monkeypatch.setenv(f"MESHGATE_FORGE{name}", value)
    rewrite(repository / MODE, "PERMISSIVE", "STRICT")
    asked = [
        "-C",
        str(repository),
        "diff",
        "--comment",
        str(number),
        "--format",
        "markdown=/dev/null",
    ]

    assert main(asked) == 1
    assert main(asked) == 1

    ((_, first),) = forge.comments(number)
    assert "boards/rogue" in first

    rewrite(repository / MODE, "STRICT", "PERMISSIVE")
    assert main(asked) == 0
    ((_, second),) = forge.comments(number)
    assert "boards/rogue" not in second


def test_the_page_says_what_of_the_base_cannot_be_compared(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay = repository / "overlays/prod/kustomization.yaml"
    whole = overlay.read_text("utf-8")
    overlay.write_text(whole + "patches: [{path: gone.yaml}]\n", encoding="utf-8")
    with git.Repo(repository) as made:
        made.git.commit("--all", "-m", "a base that does not build")
    overlay.write_text(whole, encoding="utf-8")
    page = tmp_path / "page.html"
    asked = ["report", "--base", "HEAD", "--format", f"html={page}"]

    code = main(["-C", str(repository), *asked])

    assert code in {2, 3}
    assert "prod was not judged" in capsys.readouterr().err
    assert '"environment": "prod", "message"' in page.read_text("utf-8")


def test_a_comment_needs_a_forge(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MESHGATE_FORGE", raising=False)

    assert main(["-C", str(repository), "diff", "--comment", "1"]) == 2

    assert "--forge" in capsys.readouterr().err


def test_deleting_every_destination_rule_breaks_only_routes_to_subsets(
    repository: Path, told: Callable[..., tuple[int, Told]]
) -> None:
    drop_rules(repository)

    code, document = told("--env", "dev")

    (dev,) = document["environments"]
    assert code == 1
    assert [(call["change"], call["subset"], call["after"]) for call in dev["calls"]] == [
        ("breaks", "v1", "no-cluster")
    ]
    assert {finding["rule"] for finding in document["findings"]} == {"TR003", "TR004"}


def test_deleting_every_destination_rule_without_auto_mtls_turns_calls_to_plaintext(
    repository: Path, told: Callable[..., tuple[int, Told]]
) -> None:
    rewrite(repository / "environments.yaml", '    istio: "1.31"\n',
            '    istio: "1.31"\n    enableAutoMtls: false\n')  # fmt: skip
    with git.Repo(repository) as opened:
        opened.git.commit("--all", "-m", "without auto mTLS")
    drop_rules(repository)

    code, document = told("--base", "HEAD")

    assert code == 1
    dev, _, prod = document["environments"]
    # dev is PERMISSIVE and takes plaintext, prod is STRICT and refuses it.
    assert members(dev, "exposed") >= {"boards/app-ui", "boards/boards"}
    assert members(prod, "breaks") >= {"boards/app-ui", "boards/boards"}
    assert {call["after"] for call in prod["calls"] if call["change"] == "breaks"} == {
        "refused",
        "no-cluster",
    }


def drop_rules(repository: Path) -> None:
    for file in repository.glob("policies/*/kustomization.yaml"):
        lines = file.read_text("utf-8").splitlines(keepends=True)
        kept = [line for line in lines if "destinationrule-" not in line]
        file.write_text("".join(kept), encoding="utf-8")
    for file in repository.glob("policies/*/destinationrule-*.yaml"):
        file.unlink()


def test_between_two_commits_the_working_tree_does_not_count(
    repository: Path, told: Callable[..., tuple[int, Told]]
) -> None:
    rewrite(repository / MODE, "PERMISSIVE", "STRICT")
    with git.Repo(repository) as opened:
        opened.git.commit("--all", "-m", "strict")
    rewrite(repository / MODE, "STRICT", "DISABLE")

    _, document = told("--base", "HEAD~1", "--head", "HEAD", "--env", "dev")

    (dev,) = document["environments"]
    assert {(port["before"]["mode"], port["after"]["mode"]) for port in dev["ports"]} == {
        ("PERMISSIVE", "STRICT")
    }


def test_a_base_without_its_attributes_is_read_whole(
    repository: Path, told: Callable[..., tuple[int, Told]]
) -> None:
    (repository / ".gitattributes").write_text("overlays export-ignore\n", encoding="utf-8")
    with git.Repo(repository) as opened:
        opened.git.add("--all")
        opened.git.commit("-m", "hide")

    code, document = told("--base", "HEAD~1", "--head", "HEAD")

    assert code == 0
    assert [each["name"] for each in document["environments"]] == ["dev", "staging", "prod"]


def test_two_environments_are_compared_by_effect(
    told: Callable[..., tuple[int, Told]],
) -> None:
    code, document = told("dev", "prod")

    (drift,) = document["environments"]
    assert code == 0
    assert document["drift"]
    assert members(drift, "shut-out") >= {"boards/rogue"}


def test_a_base_that_cannot_be_built_is_not_passed_over(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay = repository / "overlays/dev/kustomization.yaml"
    text = overlay.read_text("utf-8")
    overlay.write_text(text + "resources: [twice]\n", encoding="utf-8")
    with git.Repo(repository) as opened:
        opened.git.commit("--all", "-m", "broken")
    overlay.write_text(text, encoding="utf-8")

    code = main(["-C", str(repository), "diff", "--env", "dev"])

    assert code != 0
    assert "dev was not judged" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["dev"], ["dev", "prod", "--base", "HEAD"], ["--base", "nowhere"]]
)
def test_what_cannot_be_compared_is_refused(
    repository: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-C", str(repository), "diff", *arguments]) in {2, 7}
    assert capsys.readouterr().err
