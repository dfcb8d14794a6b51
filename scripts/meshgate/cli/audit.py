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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from meshgate import config
from meshgate.cli.options import cache_folder
from meshgate.cli.output import publish
from meshgate.cli.progress import Progress
from meshgate.cli.request import tell_failures
from meshgate.errors import IntegrityError, MeshgateError, NothingToCheckError, gravest
from meshgate.model import Environment
from meshgate.pipeline.targets import select
from meshgate.promotion import audit, snapshot
from meshgate.promotion.audit import Audit, Audited, Fault, Kept
from meshgate.promotion.deep import deep_faults, lost, need_history
from meshgate.promotion.release import Releases
from meshgate.promotion.report.audit import FORMATS
from meshgate.repository import Repository

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
    pinned = [each.name for each in environments if each.mode == PINNED]
    wanted = [each for each in select(environments, options.environments) if each.mode == PINNED]
    files = snapshot.in_folder(root)
    named = options.environments
    with Repository(root) as repository, Progress("rendering", len(wanted)) as progress:
        auditor = Auditor(repository, cache_folder(options), deep=options.deep)
        auditor.faults += [
            fault
            for fault in audit.foreign(files, pinned)
            if not named or any(audit.owned_by(name, fault.file) for name in named)
        ]
        for environment in wanted:
            auditor.audit(snapshot.contents(files), environment.name)
            progress.step()
    found = auditor.found()
    if (
        not found.faults
        and not auditor.failures
        and not any(each.state for each in auditor.audited)
    ):
        raise nothing_adopted(wanted)
    publish(FORMATS, [found], options)
    tell_failures(auditor.failures)
    if found.faults:
        return IntegrityError.exit_code
    return gravest(failure.exit_code for failure in auditor.failures.values())


class Auditor:
    """Audits environments of one repository, each commit rendered once for each.

    What was found stays found, whatever fails after it.
    """

    def __init__(self, repository: Repository, cache: Path | None, *, deep: bool) -> None:
        if deep:
            need_history(repository)
        self.renders = audit.Renders(repository, cache)
        self.releases = Releases(repository, "HEAD", cache=cache)
        self.deep = deep
        self.audited: list[Audited] = []
        self.faults: list[Fault] = []
        self.failures: dict[str, MeshgateError] = {}

    def audit(self, files: Mapping[str, bytes], environment: str) -> None:
        """Find all that is wrong with one environment."""
        kept = audit.kept(files, environment)
        changing = sum(each.record.event.changes_render for each in kept.records)
        rendered = changing if self.deep else int(bool(kept.records))
        self.audited.append(Audited(environment, kept.state, len(kept.records), rendered))
        try:
            for fault in self._faults(files, environment, kept):
                self.faults.append(fault)
        except MeshgateError as error:
            self.failures[environment] = error

    def found(self) -> Audit:
        """What was found so far."""
        return Audit(self.deep, tuple(self.audited), tuple(dict.fromkeys(self.faults)))

    def _faults(self, files: Mapping[str, bytes], environment: str, kept: Kept) -> Iterator[Fault]:
        yield from audit.faults(files, kept, self.renders)
        if kept.state is None and not kept.faults:
            yield from lost(environment, self.releases)
        if self.deep:
            yield from deep_faults(environment, kept.records, self.renders, self.releases)


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
