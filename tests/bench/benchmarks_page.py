"""docs/benchmarks.md: rows and notes of a run, or of a part of it into the page that is there."""

from __future__ import annotations

import os
import platform

import peers
from row import Row

from meshgate import __version__

# Not measured here: it needs an API server and etcd.
CLUSTER = """\
## A real API server

`nox -s cluster -- big`, on the same machine: etcd and kube-apiserver 1.37.2 with 3,000 workloads
in 300 namespaces, 11,100 objects with odd content. The repository knows nothing of them, so
`verify` has findings.

| What | Wall | Processor | Memory |
|---|---:|---:|---:|
| `inventory capture`, the first | 7.0 s | 3.1 s | 192 MiB |
| `inventory capture`, nothing has changed | 5.3 s | 3.6 s | 206 MiB |
| `verify` | 4.6 s | 3.6 s | 256 MiB |
""".splitlines()


def page(sections: dict[str, list[Row]], notes: list[str], rounds: int) -> str:
    """docs/benchmarks.md."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `nox -s bench`. Ratios of medians, measured side by side in one run; the",
        "absolute figures beside them are of the machine below and say little of another.",
        "",
        f"meshgate {__version__}, Python {platform.python_version()}, {platform.system()} "
        f"{platform.machine()}, {os.cpu_count()} cores, {rounds} rounds; "
        + ", ".join(f"{peer.name} {peer.version}" for peer in peers.PEERS),
        "",
        "| What | Ratio | Limit | Figures |",
        "|---|---:|---:|---|",
    ]
    for rows in sections.values():
        for row in rows:
            mark = "" if row.holds else " **over**"
            lines.append(
                f"| {row.what} | {row.ratio:.2f}{mark} | {row.limit:g} "
                f"| {row.ours:.3g} {row.unit} / {row.theirs:.3g} {row.unit} |"
            )
    lines += ["", *(f"- {note}" for note in notes)]
    return "\n".join([*lines, "", *CLUSTER]).rstrip() + "\n"


def renewed(old: str, new: str) -> str:
    """The old page with the rows and notes of the new one; those it lacks come after the others.

    A row is known by what it compares, a note by its words before the first colon; the line on
    the machine and its tools stays that of the last whole run.
    """
    lines = old.splitlines()
    for kind, subject in ((_is_row, _compared), (_is_note, _noted)):
        known = {subject(line): at for at, line in enumerate(lines) if kind(line)}
        last = max(known.values())
        for line in filter(kind, new.splitlines()):
            at = known.get(subject(line))
            if at is None:
                last += 1
                lines.insert(last, line)
            else:
                lines[at] = line
    return "\n".join(lines) + "\n"


def _is_row(line: str) -> bool:
    """Whether it compares two things: the rows of other tables do not."""
    return line.startswith("|") and " / " in line


def _is_note(line: str) -> bool:
    return line.startswith("- ")


def _compared(row: str) -> str:
    return row.split("|")[1]


def _noted(note: str) -> str:
    return note.partition(":")[0]
