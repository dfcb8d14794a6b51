"""What `frames` gives is a frame of pandas where somebody asks for one: `nox -s pandas`."""

from __future__ import annotations

import datetime
import importlib
from pathlib import Path

import pytest

from fleet_repository import write_fleet
from meshgate import frames
from meshgate.cli import main
from meshgate.model import JSON
from meshgate.tables.schema import TABLES

# It is no dependency of anything here: whoever checks types has it not.
pd: JSON = importlib.import_module("pandas")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fleet")
    root = write_fleet(folder / "root", 14)
    assert main(["tables", "-C", str(root), "--to", str(folder / "tables")]) == 3
    return folder / "tables"


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_a_frame(name: str, tables: Path) -> None:
    table = frames.table(tables, name)
    frame = table.to_pandas()
    assert list(frame.columns) == [field.name for field in TABLES[name].fields]
    assert len(frame) == table.num_rows
    for column, values in table.to_pydict().items():
        # What is missing is missing, and not a zero.
        assert [None if pd.isna(each) else each for each in frame[column]] == values


def test_an_answer_is_a_frame(tables: Path) -> None:
    frame = frames.query(
        tables, "SELECT environment, day, count(*) AS calls FROM calls GROUP BY ALL"
    ).to_pandas()
    with_calls = frames.table(tables, "calls").column("environment").unique()
    assert frame["environment"].nunique() == len(with_calls) > 1
    assert frame["calls"].sum() == frames.table(tables, "calls").num_rows
    assert isinstance(frame["day"][0], datetime.date)


def test_frames_are_grouped_and_joined(tables: Path) -> None:
    findings = frames.table(tables, "findings").to_pandas()
    environments = frames.table(tables, "environments").to_pandas()
    joined = findings.merge(environments, on=["run", "day", "environment"])
    assert set(joined["environment"]) <= {f"env-{number}" for number in range(14)}
    worst = joined.groupby("rule").size()
    assert worst["PA001"] == (findings["rule"] == "PA001").sum()
