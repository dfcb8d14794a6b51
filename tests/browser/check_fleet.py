"""The page of many environments in a real Chromium: `nox -s browser` runs this file, too."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser import axe
from browser.check_page import INTERACTIVE, READY, browser, page
from fleet_repository import write_fleet
from meshgate.cli import main

__all__ = ["browser", "page"]

COUNT = 1_000


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fleet")
    root = write_fleet(folder / "root", COUNT)
    file = folder / "fleet.html"
    code = main(["report", "-C", str(root), "--fleet", "--format", f"html={file}"])
    assert code == 3
    return file


def test_a_thousand_environments_are_there_at_once(page: Page, fleet: Path) -> None:
    started = time.monotonic()
    page.goto(fleet.as_uri())
    page.wait_for_selector(READY)
    # No other one is compared with it, so that none of their findings names it.
    page.fill("#fleet-search", "env-989")
    expect(page.locator("#fleet-count")).to_have_text(f"1 environment of {COUNT:,}")
    seconds = time.monotonic() - started
    print(f"{fleet.stat().st_size / 1e6:.1f} MB, answers after {seconds:.2f} s")
    assert seconds < INTERACTIVE


def test_the_worst_are_first_and_open(page: Page, fleet: Path) -> None:
    page.goto(fleet.as_uri())
    page.wait_for_selector(READY)
    first = page.locator("#fleet-table tbody tr").first
    expect(first).to_contain_text("not judged")
    first.locator("button").click()
    expect(page.locator("#fleet-table tr.drill").first).to_contain_text("../../policies/gone")
    page.select_option("#fleet-filter", "refused")
    expect(page.locator("#fleet-count")).to_have_text(f"143 environments of {COUNT:,}")
    page.select_option("#fleet-filter", "")
    page.select_option("#fleet-group", "part")
    expect(page.locator("#fleet-table th[scope=rowgroup]").first).to_contain_text("part ")
    page.locator("#rules-table button").first.click()
    expect(page.locator("#fleet-search")).not_to_have_value("")


def test_everybody_can_use_it(page: Page, fleet: Path) -> None:
    page.goto(fleet.as_uri())
    page.wait_for_selector(READY)
    page.locator("#fleet-table tbody button").first.click()
    assert [f"{rule}: {nodes}" for rule, nodes in page.evaluate(axe.script())] == []
