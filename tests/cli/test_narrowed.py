"""`--select`, `--ignore`, `--metrics`, and the formats that a command writes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from meshgate.cli import COMMANDS, main
from places import REPOSITORY

ROOT = ["-C", str(REPOSITORY)]


def judged(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, set[str], str]:
    capsys.readouterr()
    code = main([*ROOT, "validate", "dev", "--format", "json", *options])
    out = capsys.readouterr()
    return code, {each["rule"] for each in json.loads(out.out)["findings"]}, out.err


@pytest.mark.parametrize(
    ("options", "rules"),
    [
        (["--select", "PA"], {"PA011"}),
        (["--select", "PA011,CA007"], {"PA011", "CA007"}),
        (["--select", "redundant-policy"], {"PA011"}),
        (["--ignore", "PA", "--ignore", "CA006"], {"CA007"}),
        (["--select", "CA", "--ignore", "CA007"], {"CA006"}),
        (["--select", "TR001"], set()),
    ],
)
def test_rules_that_are_asked_for(
    options: list[str], rules: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert judged(capsys, *options)[1] == rules


def test_they_decide_the_exit_code_and_what_is_left_out_is_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*ROOT, "validate", "dev", "--fail-on", "warning"]) == 1
    capsys.readouterr()

    assert main([*ROOT, "validate", "dev", "--fail-on", "warning", "--ignore", "CA007"]) == 0
    assert "1 finding of rules that were not asked for left out" in capsys.readouterr().out


@pytest.mark.parametrize(("entry", "meant"), [("PX", ""), ("redundant-polcy", "redundant-policy")])
def test_no_rule_is_an_error(entry: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ROOT, "validate", "dev", "--select", entry]) == 2
    assert meant in capsys.readouterr().err


def test_metrics_are_what_the_json_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "meshgate.prom"
    options = ["--metrics", str(file), "--format", "json", "--ignore", "PA"]

    assert main([*ROOT, "validate", *options]) == 0

    text = file.read_text()
    values = {
        name: float(value)
        for name, value in re.findall(r"^(\w+\{[^}]*\}|\w+) (\S+)$", text, re.MULTILINE)
    }
    findings = json.loads(capsys.readouterr().out)["findings"]
    for environment in ("dev", "staging", "prod"):
        own = [each for each in findings if each["environment"] == environment]
        warnings = sum(each["rule"] == "CA007" for each in own)
        named = f'environment="{environment}"'
        assert values[f'meshgate_findings{{{named},rule="CA007",severity="warning"}}'] == warnings
        assert values[f"meshgate_environment_judged{{{named}}}"] == 1
    # What is narrowed is the report.
    assert 'rule="PA011"' in text
    assert values['meshgate_ports{environment="prod",accepts="strict"}'] == 5
    assert 'owner="team-boards"' in text
    assert values['meshgate_promotion_releases_behind{environment="staging"}'] >= 0
    assert [path.name for path in tmp_path.iterdir()] == ["meshgate.prom"]


def test_metrics_and_their_page_name_the_same() -> None:
    from meshgate.report import metrics  # noqa: PLC0415 - only here

    page = (REPOSITORY / "docs/metrics.md").read_text()
    source = Path(metrics.__file__).read_text()
    names = re.findall(r'yield \(?\s*"(\w+)"', source)
    assert re.findall(r"^\| `meshgate_(\w+)`", page, re.MULTILINE) == names


@pytest.mark.parametrize("command", COMMANDS)
def test_help_lists_the_formats_that_a_command_takes(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main([command, "--help"])
    told = " ".join(capsys.readouterr().out.split())
    listed = re.search(r"--format FMT\[=FILE\] ([\w, ]+);", told)
    formats = set(listed[1].split(", ")) if listed else {"text"}

    assert formats
    for name in {"text", "json", "sarif", "html", "concise"} - formats:
        if (command, name) == ("report", "text"):
            continue
        # Refused before anything is read: no argument that a command needs is asked for.
        assert main([command, "--format", name]) == 2, (command, name)
        err = capsys.readouterr().err
        assert "does not write it" in err or "usage:" in err


@pytest.mark.parametrize(
    ("files", "code", "says"),
    [
        (["docs/gitlab-ci.yml"], 0, "nothing to judge"),
        (["overlays/prod/kustomization.yaml"], 0, "in prod"),
        (["waivers/staging.yaml", "docs/gitlab-ci.yml"], 0, "in staging"),
        (["environments.yaml"], 0, "in dev, staging and prod"),
    ],
)
def test_a_commit_is_judged_by_its_environments(
    files: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With their overlays, waivers and baseline; a file alone would not have passed."""
    assert main([*ROOT, "lint", "--commit", "--", *files]) == code
    assert says in capsys.readouterr().out.splitlines()[-1]


def test_elsewhere_a_commit_without_a_manifest_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "values.yaml").write_text("a: 1\n")
    (tmp_path / "pa.yaml").write_text(
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        "metadata: {name: default, namespace: shop}\nspec: {mtls: {mode: PERMISSIVE}}\n"
    )
    lint = ["-C", str(tmp_path), "lint"]

    assert main([*lint, "--", str(tmp_path / "values.yaml")]) == 5
    assert main([*lint, "--commit", "--", str(tmp_path / "values.yaml")]) == 0
    assert "nothing to judge" in capsys.readouterr().out
    assert main([*lint, "--commit", "--", *map(str, sorted(tmp_path.iterdir()))]) == 1


def test_what_runs_is_no_policy(capsys: pytest.CaptureFixture[str]) -> None:
    main([*ROOT, "lint", str(REPOSITORY / "inventory/dev")])
    row = capsys.readouterr().out.partition("environment  policies")[2].splitlines()[1].split()

    assert (row[0], row[1]) == ("manifests", "-")
    assert int(row[2]) > 20


def test_plaintext_is_never_green(capsys: pytest.CaptureFixture[str]) -> None:
    main([*ROOT, "calls", "dev", "--to", "boards.boards", "--color", "always"])
    lines = capsys.readouterr().out.splitlines()

    plain = [line for line in lines if "ok-plaintext" in line]
    assert plain
    assert [line for line in plain if "\x1b[32mok-plaintext" in line] == []
    assert any("\x1b[33mok-plaintext" in line for line in plain)


def test_the_gravest_comes_first_and_causes_before_calls(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "all.yaml").write_text(
        "apiVersion: v1\nkind: Namespace\n"
        "metadata: {name: a, labels: {istio-injection: enabled}}\n---\n"
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: a, labels: {app: web}}\n"
        "spec: {containers: [{name: web, image: web, ports: [{containerPort: 80}]}]}\n---\n"
        "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: a}\n"
        "spec: {selector: {app: web}, ports: [{name: http, port: 80}]}\n---\n"
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
        "metadata: {name: web, namespace: a}\n"
        "spec: {host: web, trafficPolicy: {tls: {mode: DISABLE}}}\n---\n"
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        "metadata: {name: default, namespace: a}\nspec: {mtls: {mode: STRICT}}\n"
    )

    assert main(["-C", str(tmp_path), "lint", str(tmp_path / "all.yaml")]) == 1

    out = capsys.readouterr().out
    titles = re.findall(r"^all\.yaml\S* (error|warning|info)\S* ([A-Z]{2}\d{3})", out, re.MULTILINE)
    ranks = [["error", "warning", "info"].index(severity) for severity, _ in titles]
    assert ranks == sorted(ranks)
    errors = [rule for severity, rule in titles if severity == "error"]
    assert len(errors) > 1
    assert errors == sorted(errors, key=lambda rule: rule.startswith("CA"))
