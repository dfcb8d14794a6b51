"""Public repositories, rebuilt in small: what `lint` says of the whole folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from field_trees import Capture, lint
from test_field_wrong import rows_of_page, rules_that_speak

REBUILT = Path(__file__).parent / "rebuilt"
# The findings (`?`: undecided), and how many files are listed as not read.
RIGHT = {
    "bank": ("GW001 SH009 SH009 VS001", 0),
    "flux": ("GW001 SH011?", 0),
    "serving": ("CA001? CA007 GW001 GW001 PA002 PA002 PA011", 0),
    "shop-demo": ("GW001 SH009 SH009 VS001", 1),
    "workbench": ("AZ001 AZ003 AZ005 AZ005? CA005 CA006 CA006 GW001", 0),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_whole_repository_is_judged(name: str, capsys: Capture) -> None:
    findings, unread = RIGHT[name]
    linted = lint(capsys, REBUILT / name)

    assert rules_that_speak(linted) == findings
    assert len(linted.unread) == unread
    assert rows_of_page()[f"rebuilt/{name}"].startswith(findings)


def test_every_folder_is_asked() -> None:
    assert {each.name for each in REBUILT.iterdir()} == set(RIGHT)


def test_no_finding_of_the_shop_is_lost_beside_its_chart(capsys: Capture) -> None:
    linted = lint(capsys, REBUILT / "shop-demo")

    assert linted.code == 1
    assert "is a Helm template" in next(iter(linted.unread.values()))
    assert any("Chart.yaml" in note for note in linted.notes)
