"""How the baseline shrank, by git's history and by what was promoted."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest

from meshgate.promotion.burn_down import Remaining, burn_down, sentences
from promoted import git
from tree_manifests import clone, run


def test_the_page_and_the_list_tell_how_it_shrank(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = clone("rendered-manifests", tmp_path)
    run(folder, "init", "--here", "--yes")
    file = folder / "environments.yaml"
    pin = "mode: pinned\n    gates: []\n    gatesWaived: first"
    file.write_text(file.read_text().replace("mode: floating", pin, 1))
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "meshgate")
    assert run(folder, "adopt", "staging", "--direct") == 0
    for name in ("staging", "prod"):
        rules = folder / "manifests" / name / "shop" / "destinationrules.yaml"
        rules.write_text(rules.read_text().replace("DISABLE", "ISTIO_MUTUAL"))
    run(folder, "baseline", "--update")
    git(folder, "commit", "--quiet", "-am", "mutual")
    capsys.readouterr()

    assert run(folder, "baseline") == 0
    listed = capsys.readouterr().out
    page = tmp_path / "page.html"
    assert run(folder, "report", "--format", f"html={page}") == 0

    day = r"\d{4}-\d\d-\d\d"
    staging = rf"staging: 4 findings of the baseline on {day}, 4 on {day} \(promoted\), 3 on {day}"
    assert re.search(staging, listed)
    assert re.search(rf"prod: 3 findings of the baseline on {day}, 1 on {day}", listed)
    assert re.search(staging, page.read_text())


def test_many_points_are_shortened_and_none_is_nothing(tmp_path: Path) -> None:
    first = datetime.date(2026, 8, 1)
    points = [Remaining(first + datetime.timedelta(days=n), 20 - n, n == 9) for n in range(10)]

    (sentence,) = sentences({"prod": points})

    assert sentence == (
        "prod: 20 findings of the baseline on 2026-08-01, 14 on 2026-08-07, 13 on 2026-08-08, "
        "12 on 2026-08-09, 11 on 2026-08-10 (promoted)"
    )
    assert burn_down(tmp_path, ["prod"]) == {}
