"""Lint every YAML file of Istio's own source tree; compare the counts with the golden ones.

The module is fetched into Go's module cache at run time. Every file must end in findings, clean,
or a plain refusal (a Helm template is not YAML); anything else is a crash of ours.
"""

from __future__ import annotations

import collections
import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from meshgate.cli import main as meshgate
from meshgate.errors import SchemaMissingError
from meshgate.model import Resource
from meshgate.schema import check

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE = "istio.io/istio@v0.0.0-20260827124520-eed52ebb66ad"
GOLDEN = Path(__file__).parent / "golden.json"
PAGE = Path(__file__).parents[2] / "docs" / "corpus.md"
CRD_TESTS = "pkg/config/validation/testdata/crds"
ENDINGS = {
    0: "clean",
    1: "findings",
    3: "not readable as YAML",
    5: "no Kubernetes object",
    6: "a mesh kind without schema",
}
PROGRESS_EVERY = 250


def main() -> int:
    """0 when all verdicts are the golden ones; 1 and the differences otherwise."""
    module = fetch()
    endings, rules, crashes = lint_all(module)
    verdicts = list(crd_verdicts(module / CRD_TESTS))
    golden = {"endings": endings, "rules": rules, "crd": table(verdicts)}
    for crash in crashes:
        print(f"crash: {crash}")
    for verdict in verdicts:
        if verdict["expected"] != verdict["actual"]:
            print(f"disagrees with Istio: {verdict}")
    if "--update" in sys.argv[1:]:
        GOLDEN.write_text(json.dumps(golden, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        PAGE.write_text(page(golden), encoding="utf-8")
    same = golden == json.loads(GOLDEN.read_text(encoding="utf-8"))
    if not same:
        print("the counts changed; read them with `nox -s corpus -- --update` and `git diff`")
        print(json.dumps(golden, indent=1, sort_keys=True))
    files = sum(endings.values())
    print(f"{files} files: " + ", ".join(f"{count} {name}" for name, count in endings.items()))
    return int(bool(crashes) or not same)


def fetch() -> Path:
    """The module's folder in Go's module cache."""
    told = subprocess.run(
        ["go", "mod", "download", "-json", MODULE], check=True, capture_output=True
    ).stdout
    return Path(json.loads(told)["Dir"])


def lint_all(module: Path) -> tuple[dict[str, int], dict[str, int], list[str]]:
    """How the files ended, how often each rule spoke, and what crashed."""
    endings: collections.Counter[str] = collections.Counter()
    rules: collections.Counter[str] = collections.Counter()
    crashes = []
    files = sorted(f for f in module.rglob("*") if f.suffix in {".yaml", ".yml"} and f.is_file())
    for number, file in enumerate(files, 1):
        if number % PROGRESS_EVERY == 0:
            print(f"  {number}/{len(files)} files", file=sys.stderr)
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            code = meshgate(["lint", "-C", str(module), "--format", "json", str(file.relative_to(module))])
        if code not in ENDINGS:
            crashes.append(f"{file.relative_to(module)} ended with {code}: {errors.getvalue()[-500:]}")
            continue
        endings[ENDINGS[code]] += 1
        if code in {0, 1}:
            found = json.loads(output.getvalue())["findings"]
            rules.update(finding["rule"] for finding in found)
    return dict(sorted(endings.items())), dict(sorted(rules.items())), crashes


def crd_verdicts(folder: Path) -> Iterator[dict[str, str]]:
    """What Istio's own test data says of each object, and what we say."""
    for file in sorted(folder.glob("*.yaml")):
        for document in yaml.load_all(file.read_bytes(), Loader=yaml.CSafeLoader):
            if not document:
                continue
            expected = "refused" if "_err" in document else "accepted"
            document = {key: value for key, value in document.items() if key != "_err"}
            resource = Resource.of(document)
            try:
                found = check([resource], istio="1.31", engine="jsonschema", allowed=None)
            except SchemaMissingError:
                yield {"kind": resource.kind, "name": resource.name, "expected": expected, "actual": "unknown kind"}
                continue
            yield {
                "kind": resource.kind,
                "name": f"{file.name}: {resource.name}",
                "expected": expected,
                "actual": "refused" if found else "accepted",
            }


def table(verdicts: list[dict[str, str]]) -> dict[str, dict[str, int]]:
    """For each kind: documents, those that agree, those of a kind we do not know."""
    rows: dict[str, dict[str, int]] = {}
    for verdict in verdicts:
        row = rows.setdefault(verdict["kind"], {"documents": 0, "agree": 0, "unknown": 0})
        row["documents"] += 1
        row["agree"] += verdict["actual"] == verdict["expected"]
        row["unknown"] += verdict["actual"] == "unknown kind"
    return dict(sorted(rows.items()))


def page(golden: dict[str, dict[str, object]]) -> str:
    """The published table."""
    lines = [
        "# What meshgate says of Istio's own files",
        "",
        f"Every YAML file of `{MODULE}`, linted with Istio's default facts and the floor STRICT.",
        "Generated by `nox -s corpus -- --update`; a change of these counts is a change of verdicts.",
        "",
        "| Ending | Files |",
        "|---|---:|",
        *(f"| {name} | {count} |" for name, count in golden["endings"].items()),
        "",
        "| Rule | Findings |",
        "|---|---:|",
        *(f"| [{rule}](rules/{rule}.md) | {count} |" for rule, count in golden["rules"].items()),
        "",
        f"## Verdicts on `{CRD_TESTS}`",
        "",
        "Each document there is marked by Istio as one the API server must accept or refuse.",
        "",
        "| Kind | Documents | Agree | Kind not known here |",
        "|---|---:|---:|---:|",
    ]
    for kind, row in golden["crd"].items():
        assert isinstance(row, dict)
        lines.append(f"| {kind} | {row['documents']} | {row['agree']} | {row['unknown']} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
