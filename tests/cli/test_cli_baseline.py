"""The baseline: what is there does not fail, what is new does, and it only ever shrinks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshgate import config
from meshgate.cli import main
from meshgate.errors import UsageError

POLICY = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{mtls: {{mode: {mode}}}}}
"""
ENVIRONMENTS = "environments:\n  - {name: prod, manifests: out}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with findings in plain manifests."""
    (tmp_path / "out").mkdir()
    (tmp_path / "environments.yaml").write_text(ENVIRONMENTS)
    policy(tmp_path, "default", "istio-system", "PERMISSIVE")
    policy(tmp_path, "default", "shop", "DISABLE")
    return tmp_path


def policy(folder: Path, name: str, namespace: str, mode: str) -> None:
    text = POLICY.format(name=name, namespace=namespace, mode=mode)
    (folder / "out" / f"{namespace}-{name}.yaml").write_text(text)


def run(folder: Path, *arguments: str) -> int:
    return main(["-C", str(folder), *arguments])


def rules(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """Of `validate`: the rules of open findings, and of those in the baseline."""
    capsys.readouterr()
    run(folder, "validate", "--format", "json")
    findings = json.loads(capsys.readouterr().out)["findings"]
    accepted = [f["rule"] for f in findings if f["waiver"] and f["waiver"]["owner"] == "baseline"]
    waiting = [f["rule"] for f in findings if not f["waiver"]]
    return {"open": waiting, "baseline": sorted(accepted)}


def test_what_is_there_passes_and_what_is_new_fails(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "validate") == 1
    assert run(folder, "baseline") == 0
    assert run(folder, "validate") == 0
    shown = capsys.readouterr().out
    assert "3 findings of the baseline; `meshgate baseline` lists them" in " ".join(shown.split())
    assert rules(folder, capsys) == {"open": [], "baseline": ["PA001", "PA001", "PA007"]}

    policy(folder, "web", "store", "PERMISSIVE")
    assert run(folder, "validate") == 1
    assert rules(folder, capsys) == {"open": ["PA001"], "baseline": ["PA001", "PA001", "PA007"]}


def test_it_only_shrinks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder, "baseline")
    policy(folder, "default", "shop", "STRICT")
    policy(folder, "web", "store", "PERMISSIVE")

    assert "WA004" in rules(folder, capsys)["open"]
    assert run(folder, "baseline", "--update") == 0
    assert "1 entry taken out" in capsys.readouterr().out
    assert rules(folder, capsys) == {"open": ["PA001"], "baseline": ["PA001", "PA007"]}
    # Another run lists, and adds nothing; nor does one that names the environment.
    assert run(folder, "baseline") == 0
    assert run(folder, "baseline", "prod") == 2
    assert "only ever shrinks" in capsys.readouterr().err
    assert rules(folder, capsys)["open"] == ["PA001"]


def test_what_can_never_be_waived_is_not_taken_in(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy(folder, "web", "store", "SOMETIMES")

    assert run(folder, "baseline") == 0
    assert "SH002" in capsys.readouterr().out
    assert run(folder, "validate") == 1
    # By hand it is no use either.
    text = (folder / "baseline.yaml").read_text()
    entry = "- {fingerprint: %s, rule: SH002, environment: prod}\n"
    capsys.readouterr()
    run(folder, "validate", "--format", "json")
    (refused,) = [
        f for f in json.loads(capsys.readouterr().out)["findings"] if f["rule"] == "SH002"
    ]
    (folder / "baseline.yaml").write_text(text + entry % refused["fingerprint"])
    assert {"SH002", "WA004"} <= set(rules(folder, capsys)["open"])


def test_an_environment_that_comes_later_is_taken_in_by_its_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(folder, "baseline")
    (folder / "edge.yaml").write_text(
        POLICY.format(name="default", namespace="istio-system", mode="DISABLE")
    )
    (folder / "environments.yaml").write_text(
        ENVIRONMENTS + "  - {name: edge, manifests: edge.yaml}\n"
    )

    assert run(folder, "validate") == 1
    assert run(folder, "baseline", "edge") == 0
    assert run(folder, "validate") == 0
    assert len(rules(folder, capsys)["baseline"]) == 5


def test_what_could_not_be_judged_keeps_its_entries(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(folder, "baseline")
    (folder / "out" / "broken.yaml").write_text("a: [\n")

    assert run(folder, "baseline", "--update") == 3
    assert "0 entries taken out" in capsys.readouterr().out
    assert len(config.load(folder).environments[0].baseline) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("findings: {}\n", "must be a list"),
        ("findings:\n- {rule: PA001}\n", "fingerprint"),
        ("findings:\n- {fingerprint: x, rule: PA001}\n", "baseline.yaml:2:"),
        (f"findings:\n- {{fingerprint: {'0' * 32}, rule: PA001, environment: pro}}\n", "`prod`"),
        (f"findings:\n- {{fingerprint: {'0' * 32}, rule: PA001, reason: x}}\n", "reason"),
        ("findings: []\nfindings: []\n", "findings"),
    ],
    ids=["no-list", "no-fingerprint", "fingerprint", "environment", "unknown-key", "twice"],
)
def test_a_baseline_that_is_not_exactly_known_is_refused(
    folder: Path, text: str, words: str
) -> None:
    (folder / "baseline.yaml").write_text(text)

    with pytest.raises(UsageError) as caught:
        config.load(folder)

    assert words in str(caught.value)
