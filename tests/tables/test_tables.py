"""The mesh as tables: the rows are what other commands say, and questions have answers."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from fleet_repository import write_fleet
from meshgate import frames
from meshgate.cli import main
from meshgate.errors import UsageError, install_beside
from meshgate.model import JSON
from meshgate.tables import parquet, schema
from meshgate.tables.parquet import Writer
from meshgate.tables.questions import QUESTIONS
from meshgate.tables.schema import TABLES
from one_process import Ended, run_all
from places import REPOSITORY
from policy_repository import copy_policies

pytestmark = pytest.mark.sampled(every=2)

PAGE = (REPOSITORY / "docs" / "tables.md").read_text("utf-8")


def run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return code, out.getvalue(), err.getvalue()


def answer(folder: Path, question: str, *arguments: str) -> list[list[JSON]]:
    code, out, err = run("query", question, "--in", str(folder), "--format", "json", *arguments)
    assert (code, err) == (0, "")
    rows: list[list[JSON]] = json.loads(out)["rows"]
    return rows


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_policies(tmp_path_factory.mktemp("policies") / "root")


@pytest.fixture(scope="module")
def tables(policies: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of this repository's policies."""
    folder = tmp_path_factory.mktemp("tables")
    assert run("tables", "-C", str(policies), "--to", str(folder / "one"))[0] == 0
    return folder


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of many environments, of which some cannot be judged."""
    folder = tmp_path_factory.mktemp("fleet")
    root = write_fleet(folder / "root", 14)
    file = root / "environments.yaml"
    text = file.read_text("utf-8").replace("}\n", ", ring: 1}\n")
    file.write_text(text, encoding="utf-8")
    code, _, err = run("tables", "-C", str(root), "--to", str(folder / "tables"))
    assert code == 3
    assert "env-5 was not judged" in err
    return folder / "tables"


def test_servers_are_those_of_posture(policies: Path, tables: Path) -> None:
    _, out, _ = run("posture", "-C", str(policies), "--format", "json")
    expected = [
        [each[key] for key in ("environment", "namespace", "workload", "port", "mode", "decided")]
        for each in json.loads(out)["servers"]
    ]
    sql = "SELECT environment, namespace, workload, port, mode, decided FROM servers"
    assert sorted(map(str, answer(tables, sql))) == sorted(map(str, expected))
    assert len(expected) > 50


def test_calls_are_counted_as_calls_does(policies: Path, tables: Path) -> None:
    _, out, _ = run("calls", "-C", str(policies), "--format", "json", "--full")
    counted: dict[tuple[str, str], int] = {}
    for each in json.loads(out)["calls"]:
        key = (each["environment"], each["outcome"])
        counted[key] = counted.get(key, 0) + 1
    found = answer(tables, "SELECT environment, outcome, sum(calls) FROM calls GROUP BY ALL")
    outcomes = {(name, outcome): int(count) for name, outcome, count in found}
    assert outcomes == counted


def test_findings_are_those_of_validate(policies: Path, tables: Path) -> None:
    _, out, _ = run("validate", "-C", str(policies), "--format", "json")
    expected = sorted(each["fingerprint"] for each in json.loads(out)["findings"])
    assert sorted(row[0] for row in answer(tables, "SELECT fingerprint FROM findings")) == expected


def test_the_ledger_is_what_files_say(policies: Path, tables: Path) -> None:
    files = sorted(file.stem for file in (policies / "promotion" / "ledger").rglob("*.yaml"))
    sql = "SELECT format('{:04d}-{}-{}', sequence, event, release) FROM ledger"
    assert sorted(row[0] for row in answer(tables, sql)) == files


def test_what_cannot_be_judged_is_a_row(fleet: Path) -> None:
    found = answer(fleet, "SELECT environment FROM environments WHERE NOT judged ORDER BY ALL")
    assert found == [["env-12"], ["env-5"]]
    (why,) = answer(fleet, "SELECT refused FROM environments WHERE environment = 'env-5'")
    assert "../../policies/gone is not there" in why[0]
    assert answer(fleet, "SELECT rule FROM findings WHERE environment IS NULL") == [["RE003"]]


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.sampled(every=4)
def test_every_question_has_an_answer(name: str, fleet: Path, tables: Path) -> None:
    question = QUESTIONS[name]
    for folder in (fleet, tables):
        rows = answer(folder, name)
        assert question.parameters or rows == answer(folder, name)
        for parameter, value in question.parameters.items():
            assert answer(folder, name, "--set", f"{parameter}={value}") == rows
    assert run("query", name, "--sql") == (0, question.sql + "\n", "")
    assert f"| `{name}` | {question.about} |" in PAGE


def test_who_can_still_speak_plaintext(fleet: Path) -> None:
    weak = answer(fleet, "plaintext-servers", "--set", "namespace=shop")
    assert {row[0] for row in weak} == {"env-1", "env-4", "env-7", "env-13"}
    assert all(row[4] == "PERMISSIVE" for row in weak)
    assert answer(fleet, "plaintext-servers", "--set", "namespace=pci") == []


def test_which_exceptions_end(fleet: Path) -> None:
    ending = answer(fleet, "exceptions-ending")
    assert [(row[0], row[1], row[6]) for row in ending] == [
        (name, "waiver", 4) for name in ("env-1", "env-13", "env-7")
    ]
    assert answer(fleet, "exceptions-ending", "--set", "days=3") == []


def test_which_environments_differ_from_their_ring(fleet: Path) -> None:
    drift = answer(fleet, "ring-drift")
    assert {row[1] for row in drift} == {"env-1", "env-4", "env-7", "env-10", "env-13"}
    assert {(row[2], row[5]) for row in drift} == {("PeerAuthentication", "says something else")}


def test_runs_are_compared(tmp_path: Path) -> None:
    root = write_fleet(tmp_path / "root", 3)
    for day in ("2026-08-01", "2026-08-02"):
        arguments = ("-C", str(root), "--today", day, "--run", day)
        run("tables", *arguments, "--to", str(tmp_path / "tables" / day))
        (root / "overlays/env-2/kustomization.yaml").write_text(
            "resources: [../../policies/mesh-wide]\npatches: [{path: weak.yaml}]\n",
            encoding="utf-8",
        )
        weak = (root / "overlays/env-1/weak.yaml").read_text("utf-8")
        (root / "overlays/env-2/weak.yaml").write_text(weak, encoding="utf-8")
    trend = answer(tmp_path / "tables", "trend")
    assert [row[0] for row in trend] == ["2026-08-01", "2026-08-02"]
    assert trend[0][3] < trend[1][3]
    changed = answer(tmp_path / "tables", "gone-and-new")
    assert ("new", "env-2", "PA001") in {tuple(row[:3]) for row in changed}
    assert {row[0] for row in answer(tmp_path / "tables", "worst")} >= {"env-1", "env-2"}


def test_a_run_of_the_same_day_and_commit_is_not_added_up(tmp_path: Path) -> None:
    root, folder = write_fleet(tmp_path / "root", 3), tmp_path / "tables"
    arguments = ("-C", str(root), "--today", "2026-08-01", "--run", "the same")
    asked = [name for name in QUESTIONS if name not in {"trend", "gone-and-new"}]
    run("tables", *arguments, "--to", str(folder / "1"))
    once = {name: answer(folder, name) for name in asked}
    assert any(once.values())
    run("tables", *arguments, "--to", str(folder / "2"))
    assert {name: answer(folder, name) for name in asked} == once
    assert len(answer(folder, "trend")) == 2
    assert answer(folder, "gone-and-new") == []
    # A later run of one environment is the newest of that one alone.
    (root / "overlays/env-1/weak.yaml").unlink()
    kustomization = root / "overlays/env-1/kustomization.yaml"
    kustomization.write_text("resources: [../../policies/mesh-wide]\n", encoding="utf-8")
    run("tables", *arguments, "env-1", "--to", str(folder / "3"))
    before, now = once["worst"], answer(folder, "worst")
    assert [row for row in now if row[0] != "env-1"] == [row for row in before if row[0] != "env-1"]
    assert [row for row in now if row[0] == "env-1"] != [row for row in before if row[0] == "env-1"]
    changed = answer(folder, "gone-and-new")
    assert ("gone", "env-1", "PA007") in {tuple(row[:3]) for row in changed}
    assert {row[1] for row in changed} == {"env-1"}
    environments = answer(folder, "SELECT environment FROM newest.environments ORDER BY ALL")
    assert environments == [["env-0"], ["env-1"], ["env-2"]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "COPY calls TO '/tmp/meshgate-copied.csv'",
        "ATTACH '/tmp/meshgate-attached.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SELECT nothing FROM calls",
        "SELECT ( FROM",
    ],
)
def test_sql_reaches_tables_alone(sql: str, tables: Path) -> None:
    code, out, err = run("query", sql, "--in", str(tables))
    assert (code, out) == (2, "")
    assert "the question cannot be answered" in err
    assert not Path("/tmp/meshgate-copied.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nosuch"], 2, "there is no question 'nosuch'"),
        (["ring-drfit"], 2, "did you mean `ring-drift`?"),
        ([], 2, "nothing is asked"),
        (["worst", "--set", "day=1"], 2, "has no parameter 'day'"),
        (["plaintext-into", "--set", "namespace"], 2, "write it as NAME=VALUE"),
        (["worst", "--in", "no/such"], 5, "there are no tables in the folder no/such"),
    ],
)
def test_what_is_asked_wrong_is_told(arguments: list[str], code: int, said: str) -> None:
    found = run("query", *arguments)
    assert found[0] == code
    assert said in found[2]


def test_tables_of_another_version_are_refused(
    tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "VERSION", 99)
    with Writer(tmp_path / "other"):
        pass
    monkeypatch.undo()
    code, _, err = run("query", "worst", "--in", str(tmp_path))
    assert code == 2
    assert "has tables of another version" in err
    odd = tmp_path / "odd"
    odd.mkdir()
    (odd / "calls.parquet").write_text("no table", encoding="utf-8")
    assert "is no Parquet file" in run("query", "worst", "--in", str(odd))[2]
    assert tables.is_dir()


def test_a_run_that_fails_leaves_the_old_tables(tmp_path: Path) -> None:
    row = (None,) * len(TABLES["findings"].fields)
    with Writer(tmp_path) as writer:
        writer.add({"findings": [row, row]})

    def fail() -> None:
        with Writer(tmp_path) as writer:
            writer.add({"findings": [row] * (parquet.MOST_ROWS + 1)})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert pq.read_table(tmp_path / "findings.parquet").num_rows == 2
    assert sorted(file.stem for file in tmp_path.iterdir()) == sorted(TABLES)


def test_every_column_is_on_the_page() -> None:
    for table in TABLES.values():
        _, _, section = PAGE.partition(f"\n### {table.name}\n")
        section = section.partition("\n### ")[0]
        own = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
        assert [(name.strip(" `"), kind.strip()) for name, kind in own] == [
            (field.name, field.type) for field in table.fields[len(schema.RUN) :]
        ]


WITHOUT = """\
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"pyarrow", "duckdb"}:
            raise ImportError(f"no {name}")
sys.meta_path.insert(0, Absent())
"""


def without(*commands: Sequence[str]) -> list[Ended]:
    """Runs where the extra is not installed."""
    return run_all(commands, before=WITHOUT)


def test_without_the_extra_there_is_a_way_out(policies: Path, tables: Path, tmp_path: Path) -> None:
    for ended in without(
        ("tables", "-C", str(policies), "--to", str(tmp_path)),
        ("query", "worst", "--in", str(tables)),
    ):
        assert ended.code == 4
        command = install_beside("pyarrow", "duckdb")
        assert f"hint: install them beside meshgate: `{command}`" in ended.err


def test_other_commands_do_without_it(policies: Path) -> None:
    named = ("-C", str(policies))
    commands = (("validate", *named), ("posture", *named), ("rules",), ("query", "--list"))
    for command, ended in zip(commands, without(*commands), strict=True):
        assert (ended.code, ended.err) == (0, ""), command


def test_the_notebook_runs(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tables / "tables").symlink_to(tables / "one")
    monkeypatch.chdir(tables)
    notebook = json.loads((REPOSITORY / "docs" / "tables.ipynb").read_text("utf-8"))
    names: dict[str, JSON] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    (tables / "tables").unlink()
    assert {row["environment"] for row in names["encrypted"].to_pylist()} == {
        "dev",
        "staging",
        "prod",
    }
    assert 0 < names["deciding"].num_rows <= 5
    assert all(row["calls"] > 0 for row in names["callers"].to_pylist())


def test_frames_say_which_names_there_are(tables: Path) -> None:
    assert frames.table(tables, "servers").num_rows > 50
    with pytest.raises(UsageError, match="no table 'server'"):
        frames.table(tables, "server")
    with pytest.raises(UsageError, match="no question 'wrst'"):
        frames.question(tables, "wrst")
