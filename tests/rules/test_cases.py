"""Every folder `tests/cases/<rule>/<situation>/` is a test: what one rule says of manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import expect
from rule_cases import cases, told


@pytest.mark.parametrize("folder", cases(), ids=lambda f: f"{f.parent.name}/{f.name}")
def test_rule_says_what_is_expected(folder: Path, *, update: bool) -> None:
    actual = "".join(f"{line}\n" for line in told(folder))

    expect(actual, folder / "expected.txt", update=update)


def test_no_case_is_empty() -> None:
    assert cases()
    assert [folder for folder in cases() if not any(folder.rglob("*.yaml"))] == []
