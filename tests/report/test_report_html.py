"""The report page as text: complete, closed to the network, and the same numbers as elsewhere."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import re
import tomllib
from html.parser import HTMLParser
from typing import Any

import pytest

from browser.pages import of_attacker
from meshes import shop
from meshgate.cli import main
from meshgate.report import html
from meshgate.report.html import Page, assembly, fleet, render
from meshgate.report.html.calls import calls
from meshgate.report.html.posture import posture
from meshgate.report.view import View
from places import REPOSITORY
from report_samples import rich

VENDOR = REPOSITORY / "scripts" / "meshgate" / "report" / "html" / "vendor"


class Reader(HTMLParser):
    """What a browser would load, run or draw."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = ""
        self.policy = ""
        self.addresses: list[str] = []
        self.blocks: list[tuple[str, str]] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        self.tags.add(tag)
        self.addresses += [text for key in ("src", "href") if (text := own.get(key))]
        if own.get("http-equiv") == "Content-Security-Policy":
            self.policy = own["content"] or ""
        if tag in {"script", "style"} and own.get("type") != "application/json":
            self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = "" if tag == self.inside else self.inside

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.blocks.append((self.inside, data))


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


def embedded(text: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def view() -> View:
    return View("prod", shop(), lambda _resource, _path: None)


def test_page_loads_nothing_and_its_policy_names_each_script() -> None:
    page = read(render(Page("Shop", rich(), [view()], datetime.date(2026, 8, 1)), "1"))

    assert all(address.startswith("#") for address in page.addresses)
    assert "default-src 'none'" in page.policy
    assert "unsafe" not in page.policy
    assert [tag for tag, _ in page.blocks] == ["style", "script", "script"]
    for _, text in page.blocks:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page.policy


def test_an_attacker_adds_no_element() -> None:
    plain = read(render(Page("Shop", rich(), [view()], datetime.date(2026, 8, 1)), "1"))
    attacked = of_attacker()

    assert read(attacked).tags == plain.tags
    assert "<script>alert" not in attacked
    assert embedded(attacked)["title"] == "<script>alert(1)</script>"
    assert "\\u202e" not in attacked.replace("\\\\u202e", "")


def test_matrix_counts_what_posture_lists(capsys: pytest.CaptureFixture[str]) -> None:
    main(["-C", str(REPOSITORY), "posture", "prod", "--format", "json"])
    servers = json.loads(capsys.readouterr().out)["servers"]
    main(["-C", str(REPOSITORY), "report", "prod", "--format", "html"])
    told = embedded(capsys.readouterr().out)["environments"][0]["posture"]

    strict = sum(each["mode"] == "STRICT" and each["port"] is not None for each in servers)
    assert sum(each["counts"].get("strict", 0) for each in told["namespaces"]) == strict > 0
    workloads = {(each["namespace"], each["workload"], each["kind"]) for each in servers}
    assert sum(len(each["workloads"]) for each in told["namespaces"]) == len(workloads)
    places = " ".join(place for name, place in told["policies"] if name == "boards/default")
    assert re.search(r"policies/boards/peerauthentication-default\.yaml:\d+", places)
    assert re.search(r"policies/boards/authorizationpolicy-default\.yaml:\d+", places)


def test_graph_counts_what_calls_counts() -> None:
    drawn = calls(view())

    assert sum(edge[9] for edge in drawn["edges"]) == sum(view().mesh.counts().values())
    assert {edge[6] for edge in drawn["edges"]} == set(map(str, view().mesh.counts()))


def test_every_policy_that_decides_is_named() -> None:
    told = posture(view())

    for namespace in told["namespaces"]:
        for _, _, lines in namespace["workloads"]:
            for _, state, _, level, policy, _, who, deciding in lines:
                assert max([policy, *deciding]) < len(told["policies"])
                assert who
                assert (level == "default") == (policy == -1 and state != "outside")


def test_report_says_where_it_wants_to_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(REPOSITORY), "report"]) == 2

    assert "meshgate report --format html=report.html" in capsys.readouterr().err


def test_other_commands_refuse_html(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(REPOSITORY), "validate", "--format", "html"]) == 2

    assert "`meshgate report` writes html" in capsys.readouterr().err


def test_vendored_library_is_the_one_that_is_named() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    table = project["tool"]["meshgate"]["vendored"]

    for library in table.values():
        content = (REPOSITORY / library["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == library["sha256"]
        assert (VENDOR / f"{library['package']}.LICENSE").is_file()


@pytest.mark.parametrize("scripts", [html.SCRIPTS, fleet.SCRIPTS])
def test_no_name_of_the_page_is_declared_twice(scripts: tuple[str, ...]) -> None:
    """All scripts are one scope: a second `const` of a name is an error, and an empty page."""
    declared = [
        name
        for script in scripts
        for name in re.findall(
            r"^(?:const|let|function|class) (\w+)", assembly.read(f"page/{script}"), re.MULTILINE
        )
    ]

    assert len(declared) > 10
    assert sorted(declared) == sorted(set(declared))
