"""What `meshgate init --here` prints, asks and writes."""

from __future__ import annotations

import argparse
import posixpath
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from meshgate import config
from meshgate.adoption.contents import Contents, read
from meshgate.adoption.files import RepositoryFile, files
from meshgate.adoption.proposal import Proposal, Proposed, narrowed, propose
from meshgate.cli.choosing import ask_which, can_ask
from meshgate.cli.options import cache_folder
from meshgate.cli.output import write
from meshgate.cli.request import settings
from meshgate.cli.terminal import printable
from meshgate.errors import NothingToCheckError, UsageError
from meshgate.model import Finding
from meshgate.origin import origin
from meshgate.wording import agree, plural
from meshgate.yamldoc.files import Root

SHOWN = 12
ENVIRONMENTS, FILES = "environments", "files"
NOTHING = "nothing is written"


def init_here(options: argparse.Namespace) -> int:
    """Read the repository, print what is proposed, and write what is taken.

    Raises NothingToCheckError where there is nothing to make an environment of.
    """
    root: Path = options.directory
    contents = read(root)
    known = config.load(root) if (root / config.ENVIRONMENTS).exists() else None
    how, cache = settings(options), cache_folder(options)
    proposal = propose(contents, known, how, cache)
    print_lines(contents_lines(contents))
    print_lines(summary(proposal))
    if known is None and not proposal.environments:
        raise NothingToCheckError(
            "nothing here could be made an environment",
            why="What was looked for: kustomizations, charts, folders of manifests, and Argo CD "
            "and Flux objects that name them.",
            hint="mend what does not build, or write environments.yaml by hand",
        )
    asking = not options.yes and can_ask()
    if asking and proposal.environments:
        every = [each.environment.name for each in proposal.environments]
        names = ask_which(ENVIRONMENTS, every)
        if names is None or (known is None and not names):
            print(NOTHING)
            return 0
        if names != every:
            proposal = narrowed(proposal, names, contents, how, cache)
            print_lines(findings_of_today(proposal))
    meshgate = origin()
    proposed = files(contents, proposal, meshgate.requirement, meshgate.words)
    if not proposed:
        print("Nothing is new.")
        return 0
    print_lines(file_lines(proposed))
    write_files(root, [each for each in proposed if not each.patch], yes=options.yes, asking=asking)
    return 0


def write_files(root: Path, new: Sequence[RepositoryFile], *, yes: bool, asking: bool) -> None:
    """Write those that a person takes, or all of them where `yes` says so."""
    if not new:
        return
    chosen: Collection[str] = [each.path for each in new]
    if asking:
        chosen = ask_which(FILES, [*chosen]) or ()
    elif not yes:
        print(f"{NOTHING}: --yes writes these files")
        return
    for each in new:
        if each.path in chosen:
            path = inside(root, each.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, each.text)
    if chosen:
        print(f"{plural(len(chosen), 'file')} written; try `meshgate validate`")
    else:
        print(NOTHING)


def inside(root: Path, name: str) -> Path:
    """Where a file is written. Raises UsageError where a link of the repository leads elsewhere."""
    folder = posixpath.dirname(name)
    if folder and Root(root).inside(folder) != folder:
        raise UsageError(
            f"{folder} is a link, or lies in one: nothing is written through it",
            hint="put a folder there, and run this again: it writes what is missing",
        )
    return root / name


def print_lines(lines: Iterator[str]) -> None:
    """Text of the repository, fit for a terminal."""
    for line in lines:
        print(printable(line))


def contents_lines(contents: Contents) -> Iterator[str]:
    """What lies in the repository."""
    kinds = Counter(each.kind for each in contents.objects)
    yield (
        f"Read: {plural(len(contents.files), 'file')} of YAML, "
        f"{plural(len(contents.trees), 'kustomization')}, {plural(len(contents.charts), 'chart')}, "
        f"{plural(len(contents.objects), 'object')}"
    )
    agents = ("Application", "ApplicationSet", "Kustomization", "HelmRelease")
    named = [f"{plural(kinds[kind], kind)}" for kind in agents if kinds[kind]]
    if named:
        yield f"  objects of Argo CD and Flux: {', '.join(named)}"
    yield ""


def summary(proposal: Proposal) -> Iterator[str]:
    """What is proposed, and everything that is missing."""
    for each in proposal.environments:
        yield from environment(each)
    for key, value in proposal.facts.mesh.items():
        yield f"Mesh: {key} is {value!r} ({proposal.facts.told_by[key]})"
    yield from findings_of_today(proposal)
    missing = list(lacking(proposal))
    if missing:
        yield ""
        yield "Missing, or not to be told from files:"
        yield from missing
    yield ""


def findings_of_today(proposal: Proposal) -> Iterator[str]:
    """What goes into the baseline."""
    if proposal.baseline:
        number = len(proposal.baseline)
        rules = Counter(each.rule for each in proposal.baseline)
        most = ", ".join(f"{of_it} {rule}" for rule, of_it in rules.most_common(5))
        yield (
            f"Findings of today: {number} {agree(number, 'goes', 'go')} into baseline.yaml, and "
            f"{agree(number, 'does', 'do')} not fail ({most})"
        )


def environment(proposed: Proposed) -> Iterator[str]:
    """One environment."""
    own = proposed.environment
    after = f", after {' and '.join(own.after)}" if own.after else ""
    yield f"Environment {own.name}: {own.source_title}{after}"
    yield from (f"  {name}" for name in shortened(proposed.named_by))


def lacking(proposal: Proposal) -> Iterator[str]:
    """Everything that a person has to do or to say, at once."""
    for name, error in proposal.broken.items():
        yield f"- does not build: {name}"
        yield from (f"    {line}" for line in str(error).splitlines())
    for finding in proposal.refused:
        yield f"- has to be mended, no baseline takes it: {finding_line(finding)}"
        yield f"    fix: {finding.fix}"
    for each in proposal.environments:
        if each.variables:
            yield (
                f"- {each.environment.name}: values of {', '.join(each.variables)}, under "
                "`substitute:`; what has them is not judged until then"
            )
    for sentence in (*proposal.facts.missing, *proposal.unknown):
        yield f"- {sentence}"
    for each in proposal.environments:
        if not each.expectations:
            yield (
                f"- {each.environment.name}: expectations; no call is known to be mutual TLS. "
                f"`meshgate inventory capture {each.environment.name}` writes down what runs there"
            )
    for beside in proposal.outside:
        yield f"- {beside.sentence}:"
        yield f"    {beside.command}"
    if proposal.outside:
        yield "    Do so before files are written: the findings of today are judged with it."
        yield "    `meshgate inventory capture ENV --context NAME` writes down what runs instead."
    yield "- the team that owns these files: replace @your-platform-team in CODEOWNERS"


def finding_line(finding: Finding) -> str:
    """Where a finding is, and what it says."""
    where = ":".join(map(str, finding.source)) + ": " if finding.source else ""
    return f"{where}{finding.rule} {finding.message}"


def file_lines(proposed: Sequence[RepositoryFile]) -> Iterator[str]:
    """The files, and the patches of those that are there."""
    yield "Files:"
    yield from (f"  {each.path}" for each in proposed if not each.patch)
    for each in proposed:
        if each.patch:
            yield ""
            yield f"{each.path} is there and is not touched; what is proposed for it:"
            yield from each.patch.splitlines()
    yield ""


def shortened(lines: Sequence[str]) -> Iterator[str]:
    """The first lines, and how many more there are."""
    yield from lines[:SHOWN]
    if len(lines) > SHOWN:
        yield f"and {len(lines) - SHOWN} more"
