"""Public reports, reduced and renamed, each with its right value; a file's head says what is right.

What the tool said nothing of has tests of its own: `test_field_silence.py`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import git
import pytest
from field_trees import REPOSITORIES, Capture, Linted, judged, lint

from meshgate.cli import main
from written_files import write_files

INPUTS = Path(__file__).parent / "wrong"
MARK = re.compile(r"^(?:---\n)?# file: (.+)$\n", re.MULTILINE)
DELETED = "# (deleted)"


class Right(NamedTuple):
    """`--mesh` where it matters, the findings (`?`: undecided), how many calls end how."""

    mesh: str
    findings: str
    calls: str


RIGHT = {
    "01": Right("", "PA001? PA006", "ok-mtls:1"),
    "02": Right("", "SH003", "ok-mtls:1"),
    "03": Right("", "PA002", "ok-mtls:1 refused:1"),
    "04": Right("", "CA009 DR018", "no-cluster:1 ok-mtls:1 refused:4"),
    "04b": Right("", "CA002 CA009 DR018", "no-cluster:1 refused:5"),
    "06": Right("", "CA002 CA005 DR003 DR006? DR012", "ok-mtls:2 ok-plaintext:2 tls-to-app:2"),
    "08": Right("", "DR005", "ok-mtls:2"),
    "09": Right("", "PA013", "ok-mtls:1"),
    "13": Right("", "CA001", "denied:1 ok-mtls:5"),
    "15": Right("mesh: {dataPlane: ambient}", "PA001 PA009", "ok-mtls:1 ok-plaintext:1"),
    "16": Right("", "CA002 CA004 PA002", "ok-mtls:4 tls-to-app:2"),
    "17": Right("", "CA001 DR001 DR003 PA002", "ok-plaintext:2 refused:4"),
    "18": Right("", "", "ok-mtls:2"),
    "21": Right("", "CA005 DR001", "ok-plaintext:2"),
    "22": Right("", "DR009", "external:1"),
    "23": Right("", "DR005? DR011? SE003", "external:1"),
    "24": Right("", "DR011", "external:1"),
    "27": Right("", "PA004", "ok-mtls:1"),
    "28": Right("", "SH003", "ok-mtls:1"),
    "29": Right("require: {mtls: PERMISSIVE}", "CA006", "denied:1 ok-mtls:1"),
    "30": Right("", "PA001 PA001", "ok-mtls:2"),
    "31": Right("", "", "ok-mtls:2"),
    "32": Right("", "", "ok-mtls:2 refused:2"),
    "33": Right("", "PA013", "ok-mtls:1"),
    "34": Right("", "CA007", "ok-mtls:1 refused:1"),
    "36": Right("", "CA002 CA007 DR003 DR012 PA001", "ok-plaintext:1 tls-to-app:1"),
    "41": Right("mesh: {enableAutoMtls: false}", "CA001", "refused:2"),
    "42": Right("mesh: {enableAutoMtls: false}", "CA001 DR003 DR012 DR017", "refused:2"),
    "44": Right("", "DR004", "ok-mtls:2"),
    "65": Right("", "CA002", "ok-mtls:2 tls-to-app:2"),
    "67": Right("mesh: {revision: blue}", "PA001 PA007", "ok-mtls:1"),
    "69": Right("", "DR003 DR012", "ok-mtls:3"),
    "73": Right("", "PA003 RE008 RE008", "ok-mtls:1"),
    "74": Right("", "DR010 DR020 DR021?", "mtls-user-terminated:2"),
    "76": Right("", "DR006? SE002", "external:1"),
    "77": Right("", "", "ok-plaintext:1"),
    "80": Right("mesh: {distribution: ossm2}", "PA010", "ok-mtls:1"),
    "82": Right("", "SH010 VS002", "no-cluster:3"),
    "83": Right("", "PA001", "ok-mtls:2"),
    "84": Right("", "CA007", "ok-mtls:1 refused:1"),
}
# A change to a new repository: the environment, what `validate` finds, what `diff` tells.
CHANGES = {
    "50": ("prod", "SH005", "9102"),
    "51": ("prod", "RE007", "no effect"),
    "52": ("prod", "CA008 RE002 VS002", "ok-mtls no-cluster break"),
    "57": ("prod", "CA008", "ok-mtls refused break"),
    "59": ("prod", "RE009", "no effect"),
    "60": ("prod", "CA008 CA009", "ok-mtls no-cluster break"),
    "61": ("dev", "", "ok-plaintext refused are shut out"),
    "62": ("prod", "RE005", "no effect"),
    "63": ("prod", "CA008 CA008 DR005 RE004", "no longer made"),
}
# What `explain` says of a call: the one that is asked for, a part that is there, one that is not.
EXPLAINED = {
    "04b": (
        "press/printer",
        "way-out.istio-system:80",
        "ISTIO_MUTUAL and spec.traffic",
        "server's sidecar",
    ),
    "13": ("old-quarter/courier", "letters.new-quarter:5432", "Nothing in policies", "Destination"),
    "65": ("press/reader", "ink:9100", "port 9100 alone", "mode of namespace"),
}


def case(name: str) -> Path:
    """The input whose name starts so."""
    (found,) = INPUTS.glob(f"{name}-*.yaml")
    return found


def rules_that_speak(found: Linted) -> str:
    """The rules that say something."""
    return " ".join(sorted(f"{x['rule']}{'' if x['decided'] else '?'}" for x in found.findings))


def test_every_input_is_asked() -> None:
    assert {file.name.partition("-")[0] for file in INPUTS.iterdir()} == {*RIGHT, *CHANGES}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_said(name: str, tmp_path: Path, capsys: Capture) -> None:
    right = RIGHT[name]
    (tmp_path / "mesh.yaml").write_text(right.mesh, encoding="utf-8")
    mesh = ["--mesh", tmp_path / "mesh.yaml"] if right.mesh else []

    assert rules_that_speak(lint(capsys, case(name), *mesh)) == right.findings
    assert main(["calls", *map(str, [case(name), *mesh]), "--format", "json"]) == 0
    calls = json.loads(capsys.readouterr().out)["calls"]
    ends = Counter(each["outcome"] for each in calls)
    assert " ".join(f"{end}:{count}" for end, count in sorted(ends.items())) == right.calls


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.sampled(every=2)
def test_what_a_change_does_is_said(name: str, tmp_path: Path, capsys: Capture) -> None:
    environment, findings, effect = CHANGES[name]
    assert main(["init", str(tmp_path)]) == 0
    capsys.readouterr()
    with git.Repo.init(tmp_path, initial_branch="main") as repository:
        repository.git.add("--all")
        repository.git.commit("-m", "base")
    _, *parts = MARK.split(case(name).read_text("utf-8"))
    changed = dict(zip(parts[::2], parts[1::2], strict=True))
    for gone in [file for file, text in changed.items() if text.strip() == DELETED]:
        (tmp_path / gone).unlink()
        del changed[gone]
    write_files(tmp_path, changed)

    assert rules_that_speak(judged(capsys, "-C", tmp_path, "validate", environment)) == findings
    main(["-C", str(tmp_path), "diff", "--env", environment])
    assert effect in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("name", EXPLAINED)
def test_what_is_advised_helps(name: str, capsys: Capture) -> None:
    client, target, there, absent = EXPLAINED[name]

    assert main(["explain", client, target, str(case(name))]) == 0
    repairs = " ".join(capsys.readouterr().out.split()).partition("How to repair it")[2]
    assert there in repairs
    assert absent not in repairs


@pytest.mark.parametrize(
    ("tree", "findings"),
    [
        ("01-one-bad-file", "PA001"),
        ("02-no-namespace", "SH009"),
        ("03-webhook-port/permissive.yaml", "PA002"),
        ("03-webhook-port/strict.yaml", "PA013"),
        ("04-ztunnel", ""),
        ("07-cluster-crd", "SH011?"),
        ("08-gateways/east-west.yaml", ""),
        ("08-gateways/nested-wildcards.yaml", "GW001 GW001"),
        ("09-flux-vars", "RE009"),
        ("10-helm-values-dup", ""),
        ("11-namespace-repeat/with-one-known-client.yaml", ""),
        ("11-namespace-repeat/without-known-client.yaml", ""),
        ("17-deny-not", "AZ005 CA005 CA006"),
    ],
)
def test_trees_of_real_repositories(tree: str, findings: str, capsys: Capture) -> None:
    assert rules_that_speak(lint(capsys, REPOSITORIES / tree)) == findings


@pytest.mark.parametrize(
    ("tree", "findings"),
    [
        ("06-orphan-hides", "PA001 PA007 RE003"),
        ("13-pinned-remote", "RE006"),
        ("18-other-kustomization", ""),
        ("19-layout", ""),
    ],
)
def test_policy_repositories_of_real_shape(tree: str, findings: str, capsys: Capture) -> None:
    assert rules_that_speak(judged(capsys, "-C", REPOSITORIES / tree, "validate")) == findings


def rows_of_page() -> dict[str, str]:
    """What the page says is said now, by the number of a case or the name of a folder."""
    lines = (INPUTS.parent / "README.md").read_text("utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].strip(): row[-1].strip() for row in cells if len(row) > 1}


def test_the_page_says_what_is_said_now() -> None:
    rows = rows_of_page()
    said = {name: f"{right.findings or 'Clean'}; {right.calls}" for name, right in RIGHT.items()}
    said |= {name: f"{found or 'Clean'}; {does}" for name, (_, found, does) in CHANGES.items()}

    assert {name: rows[name] for name in said} == said


def test_the_page_has_every_input() -> None:
    silent = {file.name.partition("-")[0] for file in (INPUTS.parent / "silence").iterdir()}
    # What is right about a folder where its remote base is vendored stands in the row without.
    folders = {each.name for each in REPOSITORIES.iterdir()} - {"13-pinned-remote-vendored"}

    assert {*RIGHT, *CHANGES, *silent, *folders} <= set(rows_of_page())
