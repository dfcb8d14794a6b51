"""Broken variants of this repository: each is refused, at the file and line a person must edit.

A folder of `repositories/broken/` holds the files that a situation changes, `remove.txt` with those
it deletes, and `expected.txt`:

    exit 1
    args --fail-on warning
    policies/boards/gateway-boards.yaml:14: GW001 part of the message
    stderr: part of an error
    also policies/boards/virtualservice-boards.yaml:20: VS002

What follows from the fault is listed by `also`; `pytest --update` rewrites these lines
alone, of what is tried; of all with WHOLE=1.
Nothing may be told that is not in the file, beyond what is told of the unbroken repository.
"""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import NamedTuple

import pytest

from broken_repositories import broken, changed_files, situations
from meshgate.cli import main
from places import REPOSITORY
from policy_repository import copy_policies
from samples import in_sample


class Told(NamedTuple):
    """One finding, as `expected.txt` names it."""

    place: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.rule} {self.message}".rstrip()


class Verdict(NamedTuple):
    """How a run ended."""

    code: int
    findings: frozenset[Told]
    stderr: str

    def told(self) -> str:
        """In the form of `expected.txt`."""
        return "\n".join([f"exit {self.code}", *sorted(map(str, self.findings)), self.stderr])


class Expected(NamedTuple):
    """The content of `expected.txt`."""

    code: int
    arguments: list[str]
    findings: list[Told]
    stderr: list[str]
    also: list[Told]


def read_expected(file: Path) -> Expected:
    expected = Expected(-1, [], [], [], [])
    for line in file.read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word == "exit":
            expected = expected._replace(code=int(rest))
        elif word == "args":
            expected.arguments.extend(rest.split())
        elif word == "stderr:":
            expected.stderr.append(rest)
        elif word == "also":
            place, rule = rest.split()
            expected.also.append(Told(place.removesuffix(":"), rule, ""))
        else:
            rule, _, message = rest.partition(" ")
            expected.findings.append(Told(word.removesuffix(":"), rule, message))
    return expected


def rewrite_also(file: Path, actual: set[Told]) -> None:
    kept = [line for line in file.read_text().splitlines() if not line.startswith("also ")]
    lines = kept + [f"also {told}" for told in sorted(actual, key=str)]
    file.write_text("".join(f"{line}\n" for line in lines))


def validate(repository: Path, *arguments: str) -> Verdict:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(
            [
                *("-C", str(repository), "--format", "json"),
                *("validate", "--engine", "jsonschema", *arguments),
            ]
        )
    findings = json.loads(out.getvalue())["findings"] if out.getvalue() else []
    return Verdict(
        code, frozenset(told(f) for f in findings if f["waiver"] is None), err.getvalue()
    )


def told(finding: dict[str, object]) -> Told:
    source = finding["source"]
    assert source is None or isinstance(source, dict)
    place = f"{source['file']}:{source['line']}" if source else "-"
    return Told(place, str(finding["rule"]), str(finding["message"]))


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """What is said of this repository as it is."""
    verdict = validate(copy_policies(tmp_path_factory.mktemp("unbroken") / "repository"))

    assert verdict.code == 0, verdict.told()
    return verdict


@pytest.mark.sampled
@pytest.mark.parametrize(
    "situation",
    [folder for folder in situations() if in_sample(f"refused {folder.name}", 6)],
    ids=lambda folder: folder.name,
)
def test_refused_where_a_person_must_edit(
    situation: Path, unbroken: Verdict, tmp_path: Path, *, update: bool
) -> None:
    file = situation / "expected.txt"
    expected = read_expected(file)

    verdict = validate(broken(situation, tmp_path / "repository"), *expected.arguments)

    verdict = verdict._replace(findings=verdict.findings - unbroken.findings)
    assert verdict.code == expected.code, verdict.told()
    for wanted in expected.findings:
        assert any(
            wanted.message in told.message
            for told in verdict.findings
            if (told.place, told.rule) == (wanted.place, wanted.rule)
        ), f"{wanted} is not in\n{verdict.told()}"
    for part in expected.stderr:
        assert part in verdict.stderr
    wanted_places = {told._replace(message="") for told in expected.findings}
    rest = {told._replace(message="") for told in verdict.findings} - wanted_places
    if update:
        rewrite_also(file, rest)
    else:
        assert rest == set(expected.also), verdict.told()


def test_every_family_of_rules_is_here() -> None:
    expected = [read_expected(folder / "expected.txt") for folder in situations()]

    assert len(expected) >= 45
    assert {told.rule[:2] for one in expected for told in one.findings} >= {
        *("SH", "PA", "DR", "GW", "VS", "RE", "WA")
    }
    assert {one.code for one in expected} >= {1, 2, 3, 5}
    assert all(one.findings or one.stderr for one in expected), "expects nothing"


def test_a_situation_changes_something() -> None:
    for situation in situations():
        removed = situation / "remove.txt"
        same = [
            file
            for file in changed_files(situation)
            if not file.is_symlink() and (REPOSITORY / file.relative_to(situation)).is_file()
            if file.read_bytes() == (REPOSITORY / file.relative_to(situation)).read_bytes()
        ]

        assert changed_files(situation) or removed.exists(), situation.name
        assert same == []
        assert not removed.exists() or all(
            (REPOSITORY / name).is_file() for name in removed.read_text().split()
        )
