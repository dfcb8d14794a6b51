"""The cases on which the model of NetworkPolicies is compared with cyclonus."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.network_policies import run
from conformance.network_policies.generate import cases
from meshgate.mesh.network_policies import OpenLabels, label_selector


def test_the_same_seed_makes_the_same_cases() -> None:
    first, again, other = (json.dumps(list(cases(seed, 20))) for seed in (1, 1, 2))

    assert first == again
    assert first != other


def test_a_mismatch_is_told_and_agreement_is_not() -> None:
    (case,) = cases(4, 1)
    mesh = run.mesh_of(case)
    assert len(mesh.packets.policies) == len(case["policies"])
    selected = [
        label_selector(each["selector"], "").selects(OpenLabels(each["labels"]))
        for each in case["selections"]
    ]
    # Nobody lets anything through, whatever the address.
    shut = {"ingress": [False], "egress": [False]}
    told = {"answers": [shut for _ in case["queries"]], "selected": selected}
    found = list(run.mismatches(case, told))

    assert found
    assert all("cyclonus False, model" in line for line in found)
    wrong = {**told, "selected": [not each for each in selected]}
    assert len(list(run.mismatches(case, wrong))) == len(found) + len(selected)


def test_without_go_the_run_ends_with_4_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert run.main(["--cases", "1"]) == 4
    assert "the comparison of NetworkPolicies needs Go" in capsys.readouterr().err
