"""Lint every YAML file of Istio's own source tree; compare the counts with the golden ones.

The module is fetched into Go's module cache at run time. Every file must end in findings, clean,
or a plain refusal (a Helm template is not YAML); anything else is a crash of ours.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import functools
import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

from corpus import analyzers
from meshgate import source
from meshgate.cli import main as meshgate
from meshgate.errors import SchemaMissingError
from meshgate.model import Resource
from meshgate.schema import check

MODULE = "istio.io/istio@v0.0.0-20260827124520-eed52ebb66ad"
ISTIO = "1.31"
GOLDEN = Path(__file__).parent / "golden.json"
PAGE = Path(__file__).parents[2] / "docs" / "corpus.md"
CRD_TESTS = "pkg/config/validation/testdata/crds"
# What Istio's test data says of a document that must be refused.
MARK = "_err"
ENDINGS = {
    0: "clean",
    1: "findings",
    2: "not readable: a template, or no YAML",
    5: "no Kubernetes object",
    6: "a mesh kind without schema",
}
PROGRESS_EVERY = 500

# Endings, rules and verdicts, as golden.json has them.
Golden: TypeAlias = dict[str, dict[str, int] | dict[str, dict[str, int]]]


class Ending(NamedTuple):
    """How the lint of one file ended, with a finding's rule each, or with a crash's last words."""

    file: str
    code: int
    rules: tuple[str, ...] = ()
    told: str = ""


class Verdict(NamedTuple):
    """What Istio's own test data says of one object, and what we say; None: kind not known."""

    kind: str
    name: str
    refused: bool
    refused_here: bool | None
    why: str

    @property
    def agrees(self) -> bool:
        return self.refused is self.refused_here


@dataclasses.dataclass(slots=True)
class Row:
    """The documents of one kind: those Istio accepts and refuses, and where we do the same."""

    accepted: int = 0
    accepted_here: int = 0
    refused: int = 0
    refused_here: int = 0
    unknown: int = 0

    def add(self, verdict: Verdict) -> None:
        if verdict.refused:
            self.refused += 1
            self.refused_here += verdict.agrees
        else:
            self.accepted += 1
            self.accepted_here += verdict.agrees
        self.unknown += verdict.refused_here is None


def main() -> int:
    """0 when all verdicts are the golden ones; 1 and the differences otherwise."""
    module = fetch()
    endings = lint_all(module)
    verdicts = list(crd_verdicts(module / CRD_TESTS))
    crashes = [ending for ending in endings if ending.code not in ENDINGS]
    wrong = [verdict for verdict in verdicts if not verdict.agrees]
    for crash in crashes:
        print(f"crash: {crash.file} ended with {crash.code}:\n{crash.told}")
    for verdict in wrong:
        print(f"disagrees with Istio: {verdict}")
    found = counted(endings, verdicts)
    found["analyzers"] = analyzers.compared(module, functools.partial(findings, module))
    if "--update" in sys.argv[1:]:
        GOLDEN.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        PAGE.write_text(page(found), encoding="utf-8")
    changes = list(differences(json.loads(GOLDEN.read_text(encoding="utf-8")), found))
    for change in changes:
        print(change)
    if changes:
        print("the counts changed; write them with `nox -s corpus -- --update`, read `git diff`")
    print(
        f"{len(endings)} files, {len(crashes)} crashes; "
        f"{len(verdicts)} verdicts of Istio's test data, {len(wrong)} differ"
    )
    return int(bool(crashes or wrong or changes))


def fetch() -> Path:
    """The module's folder in Go's module cache."""
    told = subprocess.run(
        ["go", "mod", "download", "-json", MODULE], check=True, capture_output=True
    ).stdout
    return Path(json.loads(told)["Dir"])


def lint_all(module: Path) -> list[Ending]:
    """How each file ended, in the order of their names."""
    files = sorted(
        file.relative_to(module).as_posix()
        for file in module.rglob("*")
        if file.suffix in {".yaml", ".yml"} and file.is_file()
    )
    endings = []
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for ending in pool.map(lint, [str(module)] * len(files), files, chunksize=50):
            endings.append(ending)
            if len(endings) % PROGRESS_EVERY == 0:
                print(f"  {len(endings)}/{len(files)} files", file=sys.stderr)
    return endings


def lint(module: str, file: str) -> Ending:
    """Lint one file, as the command does."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = meshgate(["lint", "-C", module, "--format", "json", file])
    if code not in {0, 1}:
        return Ending(file, code, told=errors.getvalue()[-500:])
    found = json.loads(output.getvalue())["findings"]
    return Ending(file, code, tuple(finding["rule"] for finding in found))


def findings(module: Path, files: tuple[str, ...]) -> list[analyzers.Finding]:
    """What is found in some files together, consequences of other findings included."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(io.StringIO()):
        meshgate(["lint", "-C", str(module), "--format", "json", *files])
    text = output.getvalue()
    found = []
    for each in json.loads(text)["findings"] if text else ():
        found.append(_at(each["rule"], each["resource"]))
        for other in each.get("related", ()):
            # The other object of a pair is told as well, and what follows is of a rule of its own.
            rule, follows, _ = other["message"].partition(" follows from it: ")
            found.append(_at(rule if follows else each["rule"], other["resource"]))
    return found


def _at(rule: str, resource: dict[str, str] | None) -> analyzers.Finding:
    about = resource or {}
    return analyzers.Finding(rule, about.get("kind", ""), about.get("name", ""))


def crd_verdicts(folder: Path) -> Iterator[Verdict]:
    """What Istio's own test data says of each object, and what we say."""
    for file in sorted(folder.glob("*.yaml")):
        for read in source.read(file.read_bytes(), file.name).resources:
            value = {key: part for key, part in read.value.items() if key != MARK}
            resource = Resource.of(value, read.origin)
            refused, why = judged(resource)
            yield Verdict(
                resource.kind, f"{file.name}: {resource.name}", MARK in read.value, refused, why
            )


def judged(resource: Resource) -> tuple[bool | None, str]:
    """Whether we refuse an object, and why; None where we have no schema of its kind."""
    try:
        found = check([resource], istio=ISTIO, engine="jsonschema", allowed=None)
    except SchemaMissingError as error:
        return None, error.what
    return bool(found), "; ".join(violation.message for violation in found)


def counted(endings: Iterable[Ending], verdicts: Iterable[Verdict]) -> Golden:
    """What golden.json holds."""
    rules: Counter[str] = Counter()
    names: Counter[str] = Counter()
    for ending in endings:
        rules.update(ending.rules)
        names[ENDINGS.get(ending.code, "crash")] += 1
    rows: dict[str, Row] = {}
    for verdict in verdicts:
        rows.setdefault(verdict.kind, Row()).add(verdict)
    return {
        "endings": dict(sorted(names.items())),
        "rules": dict(sorted(rules.items())),
        "crd": {kind: dataclasses.asdict(row) for kind, row in sorted(rows.items())},
    }


def differences(golden: Golden, found: Golden) -> Iterator[str]:
    """A line for each count that is another than the golden one."""
    for part, counts in found.items():
        before = golden.get(part, {})
        for name in sorted({*before, *counts}):
            if before.get(name) != counts.get(name):
                yield f"{part}: {name}: {before.get(name)} before, {counts.get(name)} now"


def page(golden: Golden) -> str:
    """The published tables."""
    lines = [
        "# What meshgate says of Istio's own files",
        "",
        f"Every YAML file of `{MODULE}`, each linted by itself with Istio's default facts and",
        "the floor STRICT: samples, Helm charts, release notes, analyzer and CRD test data.",
        "`nox -s corpus` runs it again and compares; `nox -s corpus -- --update` writes this page.",
        "A change of these counts is a change of verdicts, to be read in review.",
        "",
        "| How the file ended | Files |",
        "|---|---:|",
        *(f"| {name} | {count} |" for name, count in golden["endings"].items()),
        "",
        "A file that is named and cannot be read ends the run with 2: a Helm template mostly.",
        "",
        "| Rule | Findings |",
        "|---|---:|",
        *(f"| [{rule}](rules/{rule}.md) | {count} |" for rule, count in golden["rules"].items()),
        "",
        "## Verdicts on Istio's CRD test data",
        "",
        f"Each document of `{CRD_TESTS}` is marked as one that must be accepted or refused.",
        "The left number of each pair is ours, the right one Istio's.",
        "",
        "| Kind | Accepted | Refused | Kind not known here |",
        "|---|---:|---:|---:|",
    ]
    for kind, row in golden["crd"].items():
        assert isinstance(row, dict)
        lines.append(
            f"| {kind} | {row['accepted_here']} of {row['accepted']} "
            f"| {row['refused_here']} of {row['refused']} | {row['unknown']} |"
        )
    lines += [
        "",
        "## Inputs of istioctl's analyzers",
        "",
        f"What istioctl expects of its own test data (`{analyzers.GRID}`), and whether the rules",
        "that [parity](parity.md) names say it: at the same object, or at another of the input.",
        "A dash: parity says why no rule tells it.",
        "",
        *analyzers.table(_rows(golden["analyzers"])),
    ]
    return "\n".join(lines) + "\n"


def _rows(part: Mapping[str, object]) -> dict[str, dict[str, int]]:
    return {name: row for name, row in part.items() if isinstance(row, dict)}


if __name__ == "__main__":
    sys.exit(main())
