"""The report page in a real Chromium: `nox -s browser` runs this file."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Dialog, Page, Request, expect, sync_playwright

from browser import axe
from browser.pages import of_attacker, of_fleet, with_baseline
from e2e.parts import program
from meshgate.cli import main
from report_samples import HOSTILE

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "docs" / "images"
# Nothing but the page: no update, no sync, no look-up of a host.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
READY = "html[data-ready=true]"
# Seconds from the start of loading until the page answers.
INTERACTIVE = 3.0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program("chromium"), args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test for any error, any dialog and any request."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, offline=True)
    wrong: list[str] = []
    opened = context.new_page()
    opened.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
    opened.on("pageerror", lambda error: wrong.append(str(error)))

    def refused(dialog: Dialog) -> None:
        wrong.append(dialog.message)
        dialog.dismiss()

    def asked(request: Request) -> None:
        if not request.url.startswith("file:"):
            wrong.append(request.url)

    opened.on("dialog", refused)
    opened.on("request", asked)
    yield opened
    context.close()

    assert wrong == []


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of this repository."""
    file = tmp_path_factory.mktemp("own") / "report.html"
    assert main(["-C", str(ROOT), "report", "--title", "Boards", "--format", f"html={file}"]) == 0
    return file


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fleet")
    file = folder / "report.html"
    file.write_text(of_fleet(folder / "manifests"), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def changed(transport_policies_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of this repository with dev's boards turned to STRICT."""
    folder = tmp_path_factory.mktemp("changed")
    root = folder / "repository"
    shutil.copytree(transport_policies_once, root, symlinks=True)
    mode = root / "overlays/dev/boards-permissive.yaml"
    mode.write_text(mode.read_text("utf-8").replace("PERMISSIVE", "STRICT"), encoding="utf-8")
    file = folder / "report.html"
    asked = ["report", "--base", "HEAD", "--title", "Boards", "--format", f"html={file}"]
    assert main(["-C", str(root), *asked]) == 0
    return file


def opened(page: Page, file: Path) -> Page:
    page.goto(file.as_uri())
    page.wait_for_selector(READY)
    return page


def test_posture_opens_to_the_policy_that_decides(page: Page, own: Path) -> None:
    opened(page, own)
    cell = page.get_by_role("button", name="boards in prod")

    cell.click()

    drill = page.locator(".drill")
    first = drill.get_by_role("row", name="boards/app-ui Deployment 8080")
    expect(first).to_contain_text("STRICT")
    # Who gets in stands beside what the port takes.
    expect(first).to_contain_text("istio-ingress/istio-ingressgateway")
    expect(drill).to_contain_text("policies/boards/peerauthentication-default.yaml:")
    expect(cell).to_have_attribute("aria-expanded", "true")

    cell.click()

    expect(drill).to_have_count(0)


def test_posture_is_searched_and_filtered(page: Page, own: Path) -> None:
    opened(page, own)
    rows = page.locator("#matrix tbody tr:visible")

    page.get_by_label("Search").first.fill("prometheus")

    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("monitoring")

    page.get_by_label("Search").first.fill("")
    page.get_by_label("Show").select_option("plaintext")

    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("boards")


def test_calls_are_drawn_searched_and_told_again_as_a_table(page: Page, own: Path) -> None:
    opened(page, own)
    count = page.locator("#calls-count")
    whole = count.inner_text()

    page.locator("#calls-search").fill("userprofile")

    expect(count).not_to_have_text(whole)
    page.get_by_text("The same as a table").click()
    table = page.locator("#calls-table table")
    expect(table).to_contain_text("userprofile.boards.svc.cluster.local:8080")
    expect(table).not_to_contain_text("context-scraper.boards.svc")

    page.get_by_label("works with mutual TLS").uncheck()

    expect(table).not_to_contain_text("ok-mtls")


def test_a_node_of_the_graph_tells_its_calls(page: Page, own: Path) -> None:
    opened(page, own)
    page.locator("#calls-search").fill("app-ui")
    expect(page.locator("#calls-count")).not_to_have_text("177 calls")
    box = page.locator("#graph").bounding_box()
    assert box is not None

    # The first group of clients: the uppermost node at the left.
    for down in range(20, int(box["height"]), 12):
        page.locator("#graph").click(position={"x": box["width"] * 0.12, "y": down})
        if page.locator("#calls-detail li code").count():
            break

    expect(page.locator("#calls-detail li").first).to_contain_text("app-ui.boards")


def test_findings_are_searched_and_filtered(page: Page, own: Path) -> None:
    opened(page, own)
    listed = page.locator(".finding")
    expect(listed.first).to_be_visible()

    page.locator("#findings-search").fill("CA007 rogue prod")

    expect(listed).to_have_count(1)
    expect(listed).to_contain_text("CA007")
    expect(listed.locator("pre")).to_contain_text("^")

    page.locator("#findings-search").fill("")
    page.get_by_label("waived").check()

    expect(page.locator(".finding.waived").first).to_contain_text("Waived until")


def test_the_effect_of_a_change_is_told_the_gravest_first(page: Page, changed: Path) -> None:
    opened(page, changed)

    section = page.locator("#effect")

    expect(section.locator("section").first).to_contain_text("1 call breaks, 24 calls are shut out")
    first = section.locator("tbody tr").first
    expect(first).to_contain_text("boards/rogue")
    expect(first).to_contain_text("breaks")
    expect(section).to_contain_text("no effect on any port or call")
    page.locator("#findings-search").fill("TR004")
    expect(page.locator(".finding")).to_have_count(1)


def test_without_a_change_there_is_no_effect(page: Page, own: Path) -> None:
    opened(page, own)

    expect(page.locator("#effect")).to_be_hidden()
    expect(page.locator("#effect-link")).to_be_hidden()


def test_the_page_is_used_by_keyboard(page: Page, own: Path) -> None:
    opened(page, own)

    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.get_by_role("button", name="boards in dev").focus()
    page.keyboard.press("Enter")

    expect(page.locator(".drill")).to_be_visible()
    for element in page.locator("button:visible, input:visible, select:visible").all():
        name = element.evaluate("each => each.labels?.[0]?.innerText || each.innerText")
        assert name.strip(), element.evaluate("each => each.outerHTML")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("of", ["own", "changed"])
def test_axe_finds_nothing_against_wcag_aa(
    page: Page, of: str, scheme: Literal["light", "dark"], request: pytest.FixtureRequest
) -> None:
    page.emulate_media(color_scheme=scheme)
    opened(page, request.getfixturevalue(of))
    page.get_by_role("button", name="boards in dev").click()
    page.evaluate(
        "document.querySelectorAll('details').forEach((each, n) => { each.open ||= n < 12; })"
    )

    found = page.evaluate(axe.script())

    assert [f"{rule}: {nodes}" for rule, nodes in found] == []


def test_an_address_keeps_the_view(page: Page, own: Path) -> None:
    page.goto(f"{own.as_uri()}#staging/boards")
    page.wait_for_selector(READY)

    expect(page.locator(".drill h3")).to_have_text("boards in staging")
    expect(page.locator("#calls-environment option:checked")).to_have_text("staging")

    page.get_by_role("button", name="boards in prod").click()
    assert page.url.endswith("#prod/boards")
    page.locator("#calls-environment").select_option(label="dev")
    assert page.url.endswith("#dev")

    page.goto(f"{own.as_uri()}#findings")
    page.reload()
    page.wait_for_selector(READY)
    assert page.locator(".drill").count() == 0


def test_what_was_judged_and_what_is_accepted_is_said(page: Page, own: Path) -> None:
    opened(page, own)
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout[:12]

    expect(page.locator("#head")).to_contain_text(commit)
    tile = page.locator("#tiles .tile").last
    expect(tile).to_contain_text("4 of 11")
    expect(tile).to_contain_text("workloads take mutual TLS only (36 %)")
    tile.locator("summary").click()
    expect(tile).to_contain_text("1.31 (istio, sidecar)")
    exceptions = page.locator("#exceptions-table")
    expect(exceptions).to_contain_text("PA002")
    expect(exceptions).to_contain_text("ends in")
    expect(exceptions).to_contain_text("Prometheus scrapes the pods")


def test_ledgers_are_a_timeline_with_a_trend(page: Page, own: Path) -> None:
    opened(page, own)
    floating, staging = page.locator("#promotion article").all()[:2]

    expect(staging.locator(".timeline li").last).to_contain_text("adopt")
    expect(staging.locator(".timeline li").first).to_contain_text("promote")
    expect(staging.get_by_role("img")).to_have_accessible_name(
        "STRICT ports of staging: 83 % then, 83 % now"
    )
    # dev has no ledger: its trend is git's, or the page says why there is none.
    expect(floating).to_contain_text("dev")
    expect(floating.locator(".timeline li, p:has-text('No trend')").first).to_be_visible()


def test_an_effect_that_is_the_same_is_told_once(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(of_attacker(), encoding="utf-8")
    opened(page, file)

    expect(page.locator("#effect h3").first).to_contain_text(" and ")
    assert page.locator("#effect section").count() < len(HOSTILE)


def test_the_baseline_burns_down_as_a_picture(page: Page, own: Path, tmp_path: Path) -> None:
    opened(page, own)
    expect(page.locator("#baseline")).to_be_hidden()
    file = tmp_path / "page.html"
    file.write_text(with_baseline(), encoding="utf-8")
    opened(page, file)

    one, other = page.locator("#baseline article").all()

    expect(one.get_by_role("img")).to_have_accessible_name(
        "Baseline of staging: 40 findings then, 10 now"
    )
    expect(one.locator("circle")).to_have_count(1)
    expect(one).to_contain_text("40 → 10, 2026-08-01 to 2026-11-29")
    # Steps: a number holds until the next commit, and the last one until today.
    path = one.locator("path.line").get_attribute("d") or ""
    assert [path.count(letter) for letter in "MLVH"] == [1, 0, 2, 3]
    expect(other).to_contain_text("1 since 2026-08-01")


def test_a_finding_has_the_page_of_its_rule_and_all_its_environments(page: Page, own: Path) -> None:
    opened(page, own)
    page.locator("#findings-search").fill("CA007 rogue")
    listed = page.locator(".finding")

    expect(listed).to_have_count(1)
    for environment in ("dev", "staging", "prod"):
        expect(listed).to_contain_text(f"inventory/{environment}/boards.yaml")
    listed.get_by_text("About CA007").click()
    expect(listed.locator(".rule h4").first).to_have_text("What it checks")


def test_the_theme_follows_the_reader(page: Page, own: Path) -> None:
    page.emulate_media(color_scheme="dark")
    opened(page, own)
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)

    page.get_by_role("button", name="Light").click()

    assert page.evaluate(background) != dark


def test_print_shows_all_but_the_controls(page: Page, own: Path) -> None:
    opened(page, own)

    page.emulate_media(media="print")

    expect(page.locator("nav")).to_be_hidden()
    expect(page.locator("#matrix")).to_be_visible()
    assert page.pdf().startswith(b"%PDF")


def test_no_text_of_a_manifest_becomes_markup(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "attack.html"
    file.write_text(of_attacker(), encoding="utf-8")

    opened(page, file)

    expect(page.locator("h1")).to_have_text("<script>alert(1)</script>")
    expect(page.get_by_role("rowheader", name="<script>alert(1)</script>")).to_be_visible()
    assert page.locator("main img, main script, main a[href^=http]").count() == 0
    expect(page.locator("#effect h3").first).to_contain_text("<script>alert(1)</script>")
    expect(page.locator("#effect table").first).to_contain_text("<script>alert(1)</script>")
    page.locator(".cell").first.click()
    page.get_by_text("The same as a table").click()
    expect(page.locator("#calls-table table")).to_be_visible()


def test_five_thousand_workloads_are_interactive_at_once(page: Page, fleet: Path) -> None:
    began = time.monotonic()
    opened(page, fleet)
    page.locator("#posture-search").fill("team-00499")
    expect(page.locator("#matrix > tbody > tr:visible")).to_have_count(1)
    spent = time.monotonic() - began

    print(f"5,000 workloads: interactive after {spent:.2f} s")
    assert spent < INTERACTIVE
    page.locator("#calls-search").fill("svc-1.team-00499")
    expect(page.locator("#graph-left")).to_have_text("")


def unstick(page: Page) -> None:
    """Keep the header at the top: over a section that is taller than the window it would lie."""
    page.locator("header").evaluate("each => each.style.setProperty('position', 'static')")


def test_screenshots_for_the_guide(
    page: Page, own: Path, changed: Path, fleet: Path, *, update: bool
) -> None:
    """`nox -s browser -- --update` writes them anew."""
    shots = {}
    # What is below the window may not be painted: it is as high as what is to be seen.
    page.set_viewport_size({"width": 1400, "height": 2200})
    opened(page, own)
    page.get_by_role("button", name="boards in prod").click()
    page.locator("main").click(position={"x": 2, "y": 2})
    shots["report-posture.png"] = page.screenshot(
        clip={"x": 0, "y": 0, "width": 1400, "height": 1000}
    )
    unstick(page)
    shots["report-calls.png"] = page.locator("#calls").screenshot()
    shots["report-promotion.png"] = page.locator("#promotion").screenshot()
    page.get_by_role("button", name="Dark").click()
    page.locator("#findings-search").fill("CA00")
    expect(page.locator("#findings-count")).not_to_contain_text("11")
    page.locator(".finding summary").first.click()
    shots["report-dark.png"] = page.locator("#findings").screenshot()
    page.emulate_media(color_scheme="light")
    opened(page, changed)
    unstick(page)
    shots["report-effect.png"] = page.locator("#effect section").first.screenshot()
    opened(page, fleet)
    unstick(page)
    shots["report-fleet.png"] = page.locator("#calls").screenshot()
    for name, image in shots.items():
        if update:
            SCREENSHOTS.mkdir(parents=True, exist_ok=True)
            (SCREENSHOTS / name).write_bytes(image)
        assert (SCREENSHOTS / name).is_file(), "`nox -s browser -- --update` writes it"
