"""`meshgate posture`, `calls` and `explain`, as they are typed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from meshgate.cli import main
from places import REPOSITORY, TESTS

Run = Callable[..., tuple[int, str, str]]

SHOP = TESTS / "golden" / "report" / "shop"
BOTH = ("policies.yaml", "inventory.yaml")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command line; its exit code and what it printed."""

    def run(*arguments: str, directory: Path = SHOP) -> tuple[int, str, str]:
        code = main(["-C", str(directory), *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_posture_of_manifests(run: Run) -> None:
    code, out, err = run("posture", *BOTH)

    assert code == 0
    assert "there is no Namespace object of nowhere" in err
    assert len(err.splitlines()) == 1
    assert "port api" in out


def test_posture_of_this_repository_is_strict_in_prod(run: Run) -> None:
    code, out, _ = run("posture", "prod", "--format", "json", directory=REPOSITORY)

    servers = json.loads(out)["servers"]
    assert code == 0
    assert {server["environment"] for server in servers} == {"prod"}
    decided = [server for server in servers if server["mode"]]
    assert decided
    assert all(server["decidedBy"]["source"]["file"].startswith("policies/") for server in decided)


def test_every_environment_is_told_where_none_is_named(run: Run) -> None:
    _, out, _ = run("calls", "--format", "json", directory=REPOSITORY)

    told = [call["environment"] for call in json.loads(out)["calls"]]
    assert list(dict.fromkeys(told)) == ["dev", "staging", "prod"]


def test_the_rogue_pod_is_denied_by_dev_and_refused_by_prod(run: Run) -> None:
    outcomes = {}
    for environment in ("dev", "prod"):
        code, out, _ = run(
            *("explain", "boards/rogue", "boards:8080", "--env", environment),
            *("--format", "json"),
            directory=REPOSITORY,
        )
        assert code == 0
        (told,) = json.loads(out)["explanations"]
        outcomes[environment] = told["outcomes"]

    assert outcomes == {"dev": ["denied"], "prod": ["refused"]}


def test_calls_are_narrowed_by_client_service_port_and_trouble(run: Run) -> None:
    code, out, _ = run(
        *("calls", *BOTH, "--from", "shop/web", "--to", "api:9090", "--only-broken"),
        *("--format", "json"),
    )

    calls = json.loads(out)["calls"]
    assert code == 0
    assert [(call["port"], call["outcome"]) for call in calls] == [(9090, "protocol-error")]


def test_explain_tells_every_port_where_none_is_named(run: Run) -> None:
    code, out, _ = run("explain", "plain/rogue", "api.shop", *BOTH)

    assert code == 0
    assert out.count("plain/rogue calls api.shop.svc.cluster.local:") == 2


def test_a_format_goes_to_a_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "calls.md"

    code, out, _ = run("calls", *BOTH, "--format", f"markdown={file}")

    assert (code, out) == (0, "")
    assert file.read_text(encoding="utf-8").startswith("| service | clients |")


def test_annotations_of_an_actions_job_do_not_get_in_the_way(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    code, out, _ = run("posture", *BOTH)

    assert code == 0
    assert "::" not in out


@pytest.mark.parametrize(
    ("arguments", "code", "what", "hint"),
    [
        (["posture", "policies.yaml"], 5, "there is no workload", "Deployments"),
        (["posture", "nowhere.yaml"], 2, "no such file", ""),
        (["posture", *BOTH, "--format", "sarif"], 2, "does not write it", "text, json, markdown"),
        (["calls", *BOTH, "--from", "web"], 2, "'web' names no workload", "NAMESPACE/WORKLOAD"),
        (["calls", *BOTH, "--from", "shop/wep"], 2, "no workload shop/wep", "shop/web"),
        (["calls", *BOTH, "--to", "apy"], 2, "no service apy", "did you mean `api`?"),
        (["explain", "shop/web", "api:80", *BOTH], 2, "has no port 80", "it has 8080, 9090"),
        (["explain", "shop/web", "nope", *BOTH], 2, "no service nope", ""),
        (["explain", "shop/web", "api", *BOTH, "--env", "prod"], 2, "exclude each other", ""),
    ],
)
def test_wrong_arguments_end_in_a_clear_error(
    run: Run, arguments: list[str], code: int, what: str, hint: str
) -> None:
    ended, out, err = run(*arguments)

    assert (ended, out) == (code, "")
    assert what in err
    assert hint in err


def test_environments_and_paths_do_not_mix(run: Run) -> None:
    code, _, err = run("posture", "prod", "inventory", directory=REPOSITORY)

    assert code == 2
    assert "prod is an environment and inventory is not" in err


def test_refused_objects_are_left_out_aloud(run: Run, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        "metadata: {name: wrong, namespace: shop}\nspec: {mtls: {mode: LAX}}\n",
        encoding="utf-8",
    )

    code, out, err = run("posture", *BOTH, str(wrong))

    assert code == 0
    assert "wrong" not in out
    assert "1 object left out" in err


def test_a_terminal_that_lacks_a_character_shows_its_escape(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "é.yaml").write_bytes((SHOP / "policies.yaml").read_bytes())
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="ascii"))

    main(["-C", str(tmp_path), "lint", "é.yaml", "--fail-on", "never"])

    assert b"\\xe9.yaml:" in written.getvalue()
