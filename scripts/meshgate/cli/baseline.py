"""Write down the findings of today, so that only new ones fail.

The first time, every open finding is written to baseline.yaml: `validate` counts them from then on,
in one line, and fails for new ones alone. Rules that can never be waived are not taken in. Where
there is a baseline, this lists what is left of it; with --update it takes out what is gone, and
never adds anything. Environments that the baseline has no entry of are added when they are named.

examples:
  meshgate baseline             write it, or list what is left
  meshgate baseline --update    take out what is gone
  meshgate baseline edge        take in an environment that came later
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from meshgate import config
from meshgate.cli.options import add_engine
from meshgate.cli.output import write
from meshgate.cli.request import folder, load, print_failures, settings
from meshgate.cli.terminal import printable
from meshgate.errors import UsageError, gravest
from meshgate.model import BaselineEntry, Finding
from meshgate.pipeline.baseline import remaining, taken, text_of
from meshgate.pipeline.targets import select_names
from meshgate.pipeline.whole_repository import judge_repository
from meshgate.promotion.burn_down import burn_down, sentences
from meshgate.wording import plural
from meshgate.wording.phrases import counted

SHOWN = 10


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environments", nargs="*", metavar="ENV", help="take these in, too")
    parser.add_argument("--update", action="store_true", help="take out what is gone")
    add_engine(parser)


def run(options: argparse.Namespace) -> int:
    """Write, list or shrink the baseline. What could not be judged keeps its entries."""
    root: Path = options.directory
    file = root / config.BASELINE
    configuration = load(root)
    judged = judge_repository(root, configuration, folder(options), settings(options))
    names = [each.name for each in configuration.environments]
    asked = select_names(names, options.environments) if options.environments else []
    before = config.load_baseline(root, names)
    after = before
    if not file.exists():
        wanted = set(asked or ["", *names])
        after = entries_of(judged.findings, wanted)
        print(f"{file.name}: {plural(len(after), 'finding')} written")
    elif asked:
        after = (*before, *entries_of(judged.findings, new_ones(asked, before)))
        print(f"{file.name}: {plural(len(after) - len(before), 'finding')} added")
    if options.update:
        after = tuple(remaining(after, judged.findings, judged.names))
        print(f"{file.name}: {counted(len(before) - len(after), 'entry', 'entries')} taken out")
    if after != before or not file.exists():
        write(file, text_of(after))
    print_entries(after, names)
    for sentence in sentences(burn_down(root, names)):
        print(sentence)
    print_refused(judged.findings)
    print_failures(judged.failures)
    return gravest(failure.exit_code for failure in judged.failures.values())


def entries_of(findings: Iterable[Finding], environments: set[str]) -> tuple[BaselineEntry, ...]:
    """The entries of open findings of these environments."""
    return taken(f for f in findings if (f.environment or "") in environments).entries


def new_ones(asked: Sequence[str], entries: Iterable[BaselineEntry]) -> set[str]:
    """The environments that were asked for. Raises UsageError for one that has entries."""
    there = {each.environment for each in entries}
    for name in asked:
        if name in there:
            raise UsageError(
                f"{config.BASELINE} has findings of {name} already, and only ever shrinks",
                hint=f"mend what is new, or accept it in waivers/{name}.yaml with an owner, a "
                "reason and a last day",
            )
    return set(asked)


def print_entries(entries: Sequence[BaselineEntry], names: Sequence[str]) -> None:
    """How many there are, by environment, in the order of these names, and rule."""
    counts = Counter((each.environment, each.rule) for each in entries)
    order = {name: place for place, name in enumerate(names)}
    for (environment, rule), number in sorted(
        counts.items(), key=lambda item: (order.get(item[0][0], len(order)), *item[0])
    ):
        print(f"  {environment or 'of no environment'}  {rule}  {plural(number, 'finding')}")
    if not entries:
        print("the baseline is empty: every finding fails from now on as its rule says")


def print_refused(findings: Iterable[Finding]) -> None:
    """What no baseline takes in, each with its repair."""
    refused = taken(findings).refused
    if not refused:
        return
    print(f"{plural(len(refused), 'finding')} cannot be in a baseline:")
    for finding in refused[:SHOWN]:
        place = ":".join(map(str, finding.source)) + ": " if finding.source else ""
        print(printable(f"  {place}{finding.rule} {finding.message}"))
        print(printable(f"    fix: {finding.fix}"))
    if len(refused) > SHOWN:
        print(f"  and {len(refused) - SHOWN} more: `meshgate validate`")
