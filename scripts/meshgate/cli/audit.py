"""Prove that what clusters sync is what was reviewed: from a clone, without a server.

For each pinned environment: the state's digest, the chain of its ledger, no foreign file,
and every file of rendered/ENV as its source commit renders to it, byte for byte. With
--deep, every record there ever was: the commit that merged it, and its render made again.

Judges the files of the working tree, and the history of HEAD. Ends with 11, and the name
of each file, when one byte is not as promotion wrote it.

examples:
  meshgate audit                     every pinned environment
  meshgate audit prod --deep         all of prod's history; needs a full clone
  meshgate audit --format json
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from meshgate import config
from meshgate.cli.options import cache_folder
from meshgate.cli.output import publish
from meshgate.cli.progress import Progress
from meshgate.cli.request import print_failures
from meshgate.errors import IntegrityError, NothingToCheckError, gravest
from meshgate.model import Environment
from meshgate.pipeline.targets import select
from meshgate.promotion.audit import Auditor, foreign
from meshgate.promotion.files import OWNED, File, belongs_to, contents, in_folder
from meshgate.promotion.report.audit import FORMATS
from meshgate.promotion.session import Clock
from meshgate.repository import SUBMODULE, Repository, refuse_shallow

PINNED = "pinned"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument(
        "environments", nargs="*", metavar="ENV", help="default: all pinned environments"
    )
    parser.add_argument(
        "--deep", action="store_true", help="render every record there ever was, not only the last"
    )


def run(options: argparse.Namespace) -> int:
    """Audit the chosen environments; 11 for the first fault of any."""
    root: Path = options.directory
    environments = config.load(root).environments
    pinned = [environment.name for environment in environments if environment.mode == PINNED]
    wanted = [
        environment
        for environment in select(environments, options.environments)
        if environment.mode == PINNED
    ]
    files = in_folder(root)
    named = options.environments
    with Repository(root) as repository, Progress("rendering", len(wanted)) as progress:
        refuse_shallow(repository)
        # A working tree has an empty folder in the place of a submodule, or nothing.
        files |= {
            entry.path: File(entry.mode, b"")
            for entry in repository.entries("HEAD", *OWNED)
            if entry.mode == SUBMODULE
        }
        auditor = Auditor(repository, cache_folder(options), deep=options.deep, now=Clock().now)
        auditor.faults += [
            fault
            for fault in foreign(files, pinned)
            if not named or any(belongs_to(name, fault.file) for name in named)
        ]
        for environment in wanted:
            auditor.audit(contents(files), environment.name)
            progress.step()
    result = auditor.result()
    if (
        not result.faults
        and not auditor.failures
        and not any(audited.state for audited in auditor.audited)
    ):
        raise nothing_adopted(wanted)
    publish(FORMATS, [result], options)
    print_failures(auditor.failures)
    if result.faults:
        return IntegrityError.exit_code
    return gravest(failure.exit_code for failure in auditor.failures.values())


def nothing_adopted(wanted: Sequence[Environment]) -> NothingToCheckError:
    """The error of a run that had nothing to audit, which is never a pass."""
    if not wanted:
        return NothingToCheckError(
            "no environment to audit is pinned",
            why="A floating environment is synced from its overlay, and has no state.",
            hint="set `mode: pinned` in environments.yaml, then `meshgate adopt ENV`",
        )
    names = ", ".join(environment.name for environment in wanted)
    return NothingToCheckError(
        f"nothing was ever promoted to {names}",
        why="There is no state, and the history has none.",
        hint=f"meshgate adopt {wanted[0].name}",
    )
