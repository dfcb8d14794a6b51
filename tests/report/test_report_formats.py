"""Every format renders one rich report as its golden file says, fast, and by the schema it has."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema_rs
import pytest
from msgspec import structs

from conftest import expect
from meshgate.model import Failure, Finding, Report, Severity, Tally
from meshgate.report import FORMATS, Options, step_summary
from meshgate.report.budget import LIMITS
from meshgate.report.markdown import render as render_markdown
from meshgate.report.summary import counts, verdict
from places import TESTS
from report_samples import HOSTILE, OPTIONS, hostile, many, rich
from samples import sample
from sarif import SARIF_SCHEMA

GOLDEN = TESTS / "golden" / "report"
SUFFIXES = {
    "text": "txt",
    "concise": "txt",
    "json": "json",
    "sarif": "sarif",
    "junit": "xml",
    "github": "txt",
    "gitlab": "json",
    "markdown": "md",
}
FINDINGS_SCHEMA = TESTS.parent / "schemas" / "meshgate" / "findings.schema.json"

EMPTY = Report(findings=())
CLEAN = Report(findings=(), tallies=(Tally("dev", 3, 4),))


def validator(file: Path) -> jsonschema_rs.Validator:
    schema = json.loads(file.read_text(encoding="utf-8"))
    return jsonschema_rs.validator_for(schema, validate_formats=True)


def document(name: str, report: Report) -> Any:
    return json.loads(FORMATS[name](report, OPTIONS))


@pytest.mark.parametrize("name", FORMATS)
def test_rich_report_reads_as_its_golden_file(name: str, *, update: bool) -> None:
    actual = FORMATS[name](rich(), OPTIONS)

    expect(actual, GOLDEN / f"{name}.{SUFFIXES[name]}", update=update)


def test_verbose_text_in_colour_reads_as_its_golden_file(*, update: bool) -> None:
    actual = FORMATS["text"](rich(), OPTIONS._replace(color=True, verbose=True, width=72))

    expect(actual, GOLDEN / "text-verbose-colour.txt", update=update)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "report", [EMPTY, CLEAN, rich(), many(30)], ids=["empty", "clean", "rich", "many"]
)
def test_rendering_twice_gives_the_same_and_ends_in_a_line_end(name: str, report: Report) -> None:
    once = FORMATS[name](report, OPTIONS)

    assert once == FORMATS[name](report, OPTIONS)
    assert once.endswith("\n") or (name == "github" and once == "")


@pytest.mark.sampled
@pytest.mark.parametrize(
    "name", ["text", "concise", "json", "sarif", "junit", "github", "gitlab", "markdown"]
)
def test_ten_thousand_findings_take_a_second_or_two_at_most(name: str) -> None:
    report = many(sample(10_000, 2_500))
    started = time.process_time()

    FORMATS[name](report, OPTIONS)

    assert time.process_time() - started < 1.5


# JSON


@pytest.mark.parametrize("report", [EMPTY, CLEAN, rich(), many(5), *map(hostile, HOSTILE)])
def test_json_keeps_its_contract(report: Report) -> None:
    validator(FINDINGS_SCHEMA).validate(document("json", report))


def test_the_findings_schema_refuses_what_is_not_in_the_contract() -> None:
    wrong = document("json", rich())
    wrong["findings"][0]["surprise"] = 1

    assert not validator(FINDINGS_SCHEMA).is_valid(wrong)


def test_json_names_what_was_not_judged_and_counts_only_open_findings() -> None:
    summary = document("json", rich())["summary"]

    assert {k: summary[k] for k in ("errors", "warnings", "info", "waived", "undecided")} == {
        "errors": 4,
        "warnings": 2,
        "info": 1,
        "waived": 1,
        "undecided": 1,
    }
    assert [failure["environment"] for failure in summary["failures"]] == ["drill"]
    assert [e["environment"] for e in summary["environments"] if not e["judged"]] == ["drill"]


# SARIF


@pytest.mark.parametrize("report", [EMPTY, CLEAN, rich(), many(5), *map(hostile, HOSTILE)])
def test_sarif_is_valid(report: Report) -> None:
    validator(SARIF_SCHEMA).validate(document("sarif", report))


def test_the_sarif_schema_refuses_a_wrong_log() -> None:
    wrong = document("sarif", rich())
    wrong["runs"][0]["results"][0]["level"] = "grave"

    assert not validator(SARIF_SCHEMA).is_valid(wrong)


def test_sarif_tells_rules_suppressions_and_places() -> None:
    run = document("sarif", rich())["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    results = run["results"]

    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in results)
    assert rules[0]["help"]["markdown"].startswith(
        "A host that catches every service.\n\n**What it checks**\n\nEach policy.\n"
    )
    assert [len(result["suppressions"]) for result in results] == [0, 1, 0, 0, 0, 0, 0, 0]
    assert all("physicalLocation" in result["locations"][0] for result in results)
    assert run["invocations"][0]["executionSuccessful"] is False


def test_sarif_fingerprints_stay_when_a_finding_moves_and_its_words_change() -> None:
    report = rich()
    moved = structs.replace(
        report,
        findings=tuple(
            structs.replace(
                finding,
                message="other words",
                source=finding.source and finding.source._replace(line=99),
            )
            for finding in report.findings
        ),
    )

    def prints(report: Report) -> list[object]:
        results = document("sarif", report)["runs"][0]["results"]
        return [result["partialFingerprints"] for result in results]

    assert prints(moved) == prints(report)
    assert len({str(entry) for entry in prints(report)}) == len(report.findings)


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("a b/ü.yaml", "a%20b/%C3%BC.yaml"),
        ("c:/x.yaml", "c%3A/x.yaml"),
        ("//host/x.yaml", ".//host/x.yaml"),
        ("100%.yaml", "100%25.yaml"),
        ("a?b#c", "a%3Fb%23c"),
        ("\udcff.yaml", "%ED%B3%BF.yaml"),
    ],
)
def test_sarif_addresses_are_relative_and_encoded(file: str, uri: str) -> None:
    finding = rich().findings[0]
    assert finding.source
    report = Report((structs.replace(finding, source=finding.source._replace(file=file)),))

    result = document("sarif", report)["runs"][0]["results"][0]

    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": uri, "uriBaseId": "%SRCROOT%"}


# JUnit


def test_junit_has_a_suite_for_each_environment_with_true_numbers() -> None:
    root = ET.fromstring(FORMATS["junit"](rich(), OPTIONS))

    assert [suite.get("name") for suite in root] == ["dev", "staging", "prod", "drill"]
    for element in (root, *root):
        cases = list(element.iter("testcase"))
        assert int(element.get("tests", "")) == len(cases)
        for attribute, tag in (
            ("failures", "failure"),
            ("errors", "error"),
            ("skipped", "skipped"),
        ):
            assert int(element.get(attribute, "")) == len(list(element.iter(tag)))
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(set(names)) == len(names)


def test_junit_passes_a_rule_only_where_it_was_asked() -> None:
    sources_only = Finding(
        "SH001", "duplicate-key", Severity.ERROR, "twice", "once", environment="broken"
    )
    root = ET.fromstring(FORMATS["junit"](Report((sources_only,)), OPTIONS))

    assert [case.get("name") for case in root.iter("testcase")] == ["SH001 duplicate-key"]


# GitHub


def test_github_annotates_ten_of_a_sort_and_counts_the_rest() -> None:
    lines = FORMATS["github"](many(40), OPTIONS).splitlines()

    errors = [line for line in lines if line.startswith("::error")]
    warnings = [line for line in lines if line.startswith("::warning")]
    assert (len(errors), len(warnings), len(lines)) == (10, 10, 20)
    assert errors[-1].startswith("::error title=11 more::20 errors in all")


def test_github_counts_nothing_when_everything_fits() -> None:
    lines = FORMATS["github"](many(20), OPTIONS).splitlines()

    assert len(lines) == 20
    assert not any(" more::" in line for line in lines)


def test_github_shows_environments_that_were_not_judged_first() -> None:
    report = structs.replace(
        many(40), failures=tuple(Failure(f"e{n}", "does not build") for n in range(12))
    )

    lines = FORMATS["github"](report, OPTIONS).splitlines()

    assert lines[0] == "::error title=e0 was not judged::does not build"
    assert lines[9].startswith("::error title=23 more::")


# GitLab


def test_gitlab_fingerprints_are_unique_and_waived_findings_left_out() -> None:
    report = rich()
    twice = structs.replace(report, findings=report.findings * 2)

    entries = document("gitlab", twice)

    assert len({entry["fingerprint"] for entry in entries}) == len(entries) == 15
    assert not any("metrics agent" in entry["description"] for entry in entries)
    assert all(set(entry["location"]) == {"path", "lines"} for entry in entries)


# Markdown


@pytest.mark.parametrize("limit", sorted({3_500, *LIMITS.values()}))
@pytest.mark.parametrize("report", [EMPTY, CLEAN, rich(), many(2_000), *map(hostile, HOSTILE)])
def test_markdown_keeps_its_limit_and_closes_what_it_opens(report: Report, limit: int) -> None:
    text = render_markdown(report, OPTIONS, limit=limit)

    assert len(text.encode()) <= limit
    lines = text.splitlines()
    opened = [line for line in lines if line.startswith("<details>")]
    assert len(opened) == sum(line == "</details>" for line in lines)
    assert sum(line.startswith("```") for line in lines) % 2 == 0
    assert text.startswith("### :")


def test_markdown_tells_the_worst_within_the_first_characters() -> None:
    text = render_markdown(many(2_000), OPTIONS)

    opening = text[: text.index("<details>")]
    assert len(opening) <= 3_500
    assert ":x:" in opening
    assert ":warning:" not in opening
    assert " more | | |" in opening


def test_markdown_counts_the_findings_it_leaves_out() -> None:
    text = render_markdown(many(2_000), OPTIONS)

    shown = text.count("**`PA001` permissive-mode**")
    assert f"\n{2_000 - shown} more\n" in text


def test_step_summary_has_more_room_than_a_comment() -> None:
    assert 65_536 < len(step_summary(many(2_000), OPTIONS)) <= 1_000_000


# Verdict


def told(report: Report) -> str:
    return verdict(counts(report))


def test_the_verdict_never_says_clean_of_what_was_not_judged() -> None:
    failed = Failure("prod", "does not build")

    assert told(EMPTY) == "nothing was judged"
    assert told(CLEAN) == "clean"
    assert told(Report((), failures=(failed,))) == "not judged: prod"
    assert told(structs.replace(CLEAN, failures=(failed,))) == "not judged: prod; clean"
    assert told(many(1)) == "1 warning in prod"


def test_the_verdict_counts_environments_when_they_are_many() -> None:
    one = many(1).findings[0]
    report = Report(
        tuple(structs.replace(one, environment=f"e{n}") for n in range(5)),
        tuple(Tally(f"e{n}", 1, 1) for n in range(9)),
    )

    assert told(report) == "5 warnings in 5 of 9 environments"


def test_every_format_is_a_module_of_its_name() -> None:
    package = TESTS.parent / "scripts" / "meshgate" / "report"

    assert set(FORMATS) == set(SUFFIXES)
    assert all((package / f"{name}.py").is_file() for name in FORMATS)
    assert Options() == Options(color=False, width=100, version="", rules=(), verbose=False)
