"""Nothing that a manifest says is read as a command, a tag or a link by what shows a report."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote_to_bytes, urlsplit
from xml.etree import ElementTree as ET

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from markdown_page import TEXT, Page, rendered
from meshgate.model import Position, Report
from meshgate.report import FORMATS, Options
from meshgate.report.budget import Section, fit
from meshgate.report.escape import markdown, terminal, workflow
from meshgate.report.escape.visible import visible
from meshgate.report.excerpt import marked, window
from meshgate.report.sarif import relative
from report_samples import OPTIONS, hostile
from sarif import SARIF_SCHEMA

CODE = re.compile(r"<code>.*?</code>|<pre>.*?</pre>", re.DOTALL)
LOG_COMMAND = re.compile(r"##\w*\[")
STYLE = re.compile(r"\x1b\[\d+m")
ALLOWED_TAGS = frozenset(
    [
        *("h3", "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"),
        *("code", "pre", "strong", "br", "details", "summary"),
    ]
)
SARIF = jsonschema_rs.validator_for(
    json.loads(SARIF_SCHEMA.read_text(encoding="utf-8")), validate_formats=True
)


def assert_harmless(line: str) -> None:
    assert line.isprintable()
    assert not LOG_COMMAND.search(line)
    assert not line.lstrip().startswith("::")


# Terminal


@given(TEXT)
def test_visible_text_is_printable_and_printable_text_is_left_alone(text: str) -> None:
    shown = visible(text)

    assert shown.isprintable()
    assert visible(shown) == shown
    assert shown == text or not text.isprintable()


@given(TEXT, st.integers(40, 120), st.booleans())
def test_text_reports_hold_no_control_characters_and_no_commands(
    text: str, width: int, color: bool
) -> None:
    shown = FORMATS["text"](hostile(text), Options(width=width, color=color, verbose=True))

    assert shown.endswith("\n")
    for line in shown[:-1].split("\n"):
        assert STYLE.sub("", line).isprintable()
        assert not LOG_COMMAND.search(line)
        assert not line.lstrip().startswith("::")


@given(TEXT, st.integers(5, 60))
def test_wrapping_keeps_every_word_and_the_width(text: str, width: int) -> None:
    shown = terminal.plain(text)

    lines = terminal.wrap(shown, width)

    assert " ".join(lines).split() == shown.split()
    assert all(terminal.columns(line) <= width + 3 for line in lines if " " in line.strip())


@given(TEXT, st.integers(10, 60))
def test_clipped_text_takes_no_more_than_its_columns(text: str, width: int) -> None:
    shown = visible(text)

    clipped = terminal.clip(shown, width)

    assert terminal.columns(clipped) <= width
    assert clipped == shown or clipped.endswith("...")


@given(TEXT, st.integers(0, 300), st.integers(30, 80), st.integers(0, 300))
def test_an_excerpt_marks_the_word_at_its_place(text: str, index: int, room: int, pad: int) -> None:
    line = " " * pad + text.replace("\n", "").replace("\r", "") + "x" * 200

    shown, indent, length = window(line, index, room)

    assert terminal.columns(shown) <= room + 3
    assert length >= 1
    assert shown.isprintable()
    if index < len(line) and line.isascii() and line.isprintable():
        assert shown[indent] == line[marked(line, index)[0]]


@pytest.mark.parametrize(
    ("text", "columns"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("", 0), ("ﬁ", 1)]
)
def test_columns_are_what_a_terminal_shows(text: str, columns: int) -> None:
    assert terminal.columns(text) == columns


# JSON


@given(TEXT)
def test_json_keeps_any_text_and_stays_ascii(text: str) -> None:
    shown = FORMATS["json"](hostile(text), OPTIONS)

    finding = json.loads(shown)["findings"][0]
    assert (finding["message"], finding["path"], finding["resource"]["name"]) == (text, text, text)
    assert shown.isascii()
    for line in shown[:-1].split("\n"):
        assert_harmless(line)


@given(TEXT)
def test_sarif_and_gitlab_stay_valid(text: str) -> None:
    report = hostile(text)

    log = json.loads(FORMATS["sarif"](report, OPTIONS))
    SARIF.validate(log)
    for message in strings(log["runs"][0]["results"], "text"):
        assert message.replace("\n", "").isprintable()
        assert "](" not in message
    for entry in json.loads(FORMATS["gitlab"](report, OPTIONS)):
        assert entry["description"].replace("\n", "").isprintable()


def strings(value: object, key: str) -> list[str]:
    """Every text under that key, at any depth."""
    if isinstance(value, dict):
        own = [value[key]] if isinstance(value.get(key), str) else []
        return own + [text for part in value.values() for text in strings(part, key)]
    if isinstance(value, list):
        return [text for part in value for text in strings(part, key)]
    return []


@given(TEXT)
def test_addresses_never_leave_the_judged_folder(path: str) -> None:
    address = relative(path)

    parts = urlsplit(address)
    assert address.isascii()
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")
    kept = address[1:] if path.startswith("//") else address
    assert unquote_to_bytes(kept) == path.encode("utf-8", "surrogatepass")


# XML


@given(TEXT)
def test_junit_parses_and_shows_the_text(text: str) -> None:
    root = ET.fromstring(FORMATS["junit"](hostile(text), OPTIONS))

    failure = root.find(".//failure")
    assert failure is not None
    assert failure.get("message") == terminal.plain(text)
    assert {element.tag for element in root.iter()} <= {
        *("testsuites", "testsuite", "testcase", "failure", "skipped", "error", "system-out")
    }


# GitHub


def obeyed(line: str) -> tuple[str, dict[str, str], str]:
    """What the runner reads from a line (actions/runner, ActionCommand.TryParseV2)."""
    assert line.startswith("::")
    head, _, data = line[2:].partition("::")
    name, _, settings = head.partition(" ")
    properties = dict(pair.split("=", 1) for pair in settings.split(",") if "=" in pair)
    for code, sign in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        properties = {key: value.replace(code, sign) for key, value in properties.items()}
        if code not in {"%3A", "%2C"}:
            data = data.replace(code, sign)
    return name, properties, data


@given(TEXT)
def test_annotations_are_what_the_runner_obeys_and_nothing_else(text: str) -> None:
    report = hostile(text)

    lines = FORMATS["github"](report, OPTIONS)[:-1].split("\n")

    assert len(lines) == 2
    assert all(line.isprintable() and not LOG_COMMAND.search(line) for line in lines)
    name, properties, message = obeyed(lines[1])
    assert name == "error"
    assert set(properties) <= {"file", "line", "col", "title"}
    assert (properties["line"], properties["col"]) == ("3", "5")
    assert properties.get("file", "") == terminal.plain(text)
    assert message.startswith(terminal.plain(f"Service/{text}/{text}" if text else "Service")[:8])


@given(TEXT, TEXT)
def test_workflow_escapes_are_undone_by_the_runner(value: str, message: str) -> None:
    line = workflow.command("notice", {"title": value}, message)

    assert "\n" not in line
    assert "\r" not in line
    if value:
        assert obeyed(line) == ("notice", {"title": value}, message)


# Markdown


@given(TEXT)
def test_markdown_comments_hold_no_tag_link_or_mention_of_a_manifest(text: str) -> None:
    shown = FORMATS["markdown"](hostile(text), OPTIONS)

    assert_safe(rendered(shown), hostile(text))
    for line in shown.split("\n"):
        assert_harmless(line)
        assert not re.match(r"\s*/\w", line), "a bot would obey it"


def assert_safe(page: str, report: Report) -> None:
    seen = Page(page)
    assert seen.tags <= ALLOWED_TAGS
    assert seen.attributes == []
    words = Page(CODE.sub("", page)).words
    assert not re.search(r"[@#!$%~^&][\w\"{]", words)
    assert not re.search(r"://|\bwww\.|\bgh-\d", words, re.IGNORECASE)
    rows = re.findall(r"<tr>.*?</tr>", page, re.DOTALL)
    widths = {len(re.findall(r"<t[dh]", row)) for row in rows}
    assert widths <= {4, 8}
    assert len(rows) == (2 + len(report.open) + len(report.findings[:0]) + 1 + 1)


@given(TEXT)
def test_prose_reads_as_the_text_itself(text: str) -> None:
    page = Page(rendered(f"before {markdown.prose(text)}"))

    assert page.tags == {"p"}
    assert page.words.replace("\u200b", "").strip() == f"before {visible(text).strip()}".strip()


@given(TEXT)
def test_code_reads_as_the_text_itself_in_a_paragraph_and_in_a_cell(text: str) -> None:
    shown = terminal.plain(text)
    line = rendered(f"x {markdown.code(text)} y")
    table = rendered(f"| a |\n| --- |\n| x {markdown.cell_code(text)} y |\n")

    for page in (Page(line), Page(table)):
        assert page.tags <= {"p", "code", "table", "thead", "tbody", "tr", "th", "td"}
        assert shown.strip() in page.words.replace("\u200b", "")


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_a_fence_is_closed_by_nothing_in_it(lines: list[str]) -> None:
    page = rendered(f"{markdown.block(lines, 'yaml')}\n\nafter\n")

    assert page.count("<pre>") == 1
    assert page.endswith("<p>after</p>\n")


def test_a_hostile_place_is_escaped_in_every_format() -> None:
    place = Position("\x1b[31m.yaml", 1, 1)
    for name, render in FORMATS.items():
        shown = render(hostile(place.file), OPTIONS)
        assert "\x1b" not in shown, name


# Budget

SECTIONS = st.lists(
    st.builds(
        lambda head, items, tail: Section(head, items, len(items), tail, "{} more;"),
        st.text("h", max_size=20),
        st.lists(st.text("ié", min_size=1, max_size=30), max_size=6),
        st.text("t", max_size=20),
    ),
    max_size=5,
)


@given(SECTIONS, st.integers(100, 400))
def test_a_page_keeps_its_limit_and_says_what_it_leaves_out(
    sections: list[Section], limit: int
) -> None:
    page = fit(sections, limit)

    assert len(page.encode()) <= limit
    shown = sum(page.count(sign) for sign in "ié")
    whole = sum(sum(item.count(sign) for sign in "ié") for each in sections for item in each.items)
    assert shown == whole or "more" in page


@given(SECTIONS)
def test_a_page_with_room_is_whole(sections: list[Section]) -> None:
    page = fit(sections, 10_000)

    assert page == "".join(each.head + "".join(each.items) + each.tail for each in sections)


def test_a_frame_without_items_is_not_shown() -> None:
    page = fit([Section("head", ["x" * 500], 1, "tail", "{} more"), Section("end")], 150)

    assert page.startswith("end")
    assert "head" not in page
    assert "1 more parts" in page
