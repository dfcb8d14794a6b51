"""The page of many environments: its data is what `validate` says, and no text is markup."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path

import pytest

from fleet_repository import write_fleet
from meshgate.cli import main
from meshgate.model import JSON

DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


def run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_fleet(tmp_path_factory.mktemp("fleet") / "root", 14)
    file = root / "waivers/env-1.yaml"
    text = file.read_text("utf-8").replace("owner: platform", "owner: </script><b>team</b>")
    file.write_text(text, encoding="utf-8")
    return root


def page(root: Path, file: Path, *arguments: str) -> tuple[int, str, str]:
    code, _, err = run("report", "-C", str(root), "--fleet", "--format", f"html={file}", *arguments)
    return code, err, file.read_text("utf-8")


def data_of(text: str) -> JSON:
    found = DATA.search(text)
    assert found is not None
    return json.loads(found[1])


def test_its_data_is_what_validate_says(root: Path, tmp_path: Path) -> None:
    code, err, text = page(root, tmp_path / "fleet.html", "--pages", "pages/{env}.html")
    assert code == 3
    assert "env-5 was not judged" in err
    data = data_of(text)
    _, out, _ = run("validate", "-C", str(root), "--format", "json")
    told = json.loads(out)
    expected = {each["environment"]: each for each in told["summary"]["environments"]}
    rows = {row[0]: row for row in data["environments"]}
    assert list(rows) == [f"env-{number}" for number in range(14)]
    for name, row in rows.items():
        own = expected.get(name)
        refused = name in {"env-5", "env-12"}
        assert bool(row[2]) == refused
        assert row[3] == f"pages/{name}.html"
        if own is not None and not refused:
            counted = [
                own[key] for key in ("errors", "warnings", "waived", "policies", "inventory")
            ]
            assert row[4:9] == counted
    shown = sorted(
        (row[0], data["findings"][index][0], data["texts"][data["findings"][index][6]])
        for row in data["environments"]
        for index in row[9]
    )
    assert shown == sorted(
        (each["environment"], each["rule"], each["message"])
        for each in told["findings"]
        if each["environment"]
    )
    assert [data["findings"][index][0] for index in data["nobody"]] == ["RE003"]
    assert data["groups"] == ["mode", "part"]
    assert rows["env-3"][1] == {"mode": "floating", "part": "p1"}


def test_no_text_is_markup(root: Path, tmp_path: Path) -> None:
    _, _, text = page(root, tmp_path / "fleet.html")
    assert "<b>team" not in text
    assert "</script><b>team</b>" in data_of(text)["texts"]
    assert text.count("</script>") == 2
    assert "default-src 'none'" in text


def test_equal_findings_are_there_once(root: Path, tmp_path: Path) -> None:
    data = data_of(page(root, tmp_path / "fleet.html")[2])
    assert len(set(map(str, data["findings"]))) == len(data["findings"])
    assert len(set(data["texts"])) == len(data["texts"])


def test_the_page_is_made_of_kept_verdicts(root: Path, tmp_path: Path) -> None:
    first = page(root, tmp_path / "one.html", "--jobs", "1")
    second = page(root, tmp_path / "two.html", "--no-cache")
    assert first[0::2] == second[0::2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--base", "HEAD"], "takes no --base"),
        (["--shard", "1/2"], "takes no --shard"),
        (["--pages", "page.html"], "does not say which environment"),
        (["env-99"], "has no environment 'env-99'"),
    ],
)
def test_what_it_does_not_take(arguments: list[str], said: str, root: Path, tmp_path: Path) -> None:
    file = tmp_path / "fleet.html"
    code, _, err = run("report", "-C", str(root), "--fleet", "--format", f"html={file}", *arguments)
    assert code == 2
    assert said in err
    assert not file.exists()


def test_it_says_where_posture_and_calls_are(root: Path, tmp_path: Path) -> None:
    _, _, text = page(root, tmp_path / "alone.html")
    assert any("--pages 'pages/{env}.html'" in note for note in data_of(text)["notes"])
    _, _, text = page(root, tmp_path / "linked.html", "--pages", "pages/{env}.html")
    assert not any("--pages" in note for note in data_of(text)["notes"])


@pytest.mark.parametrize("option", [("--jobs", "2"), ("--scheduler", "tcp://127.0.0.1:9")])
def test_processes_count_for_the_page_of_a_fleet_alone(
    option: tuple[str, str], root: Path, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    code, _, err = run("report", "-C", str(root), "--format", f"html={file}", *option)
    assert code == 2
    assert f"{option[0]} counts with --fleet only" in err
    assert not file.exists()
