"""What an environment is to get, beside what its cluster has: adoption is to change nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from meshgate import source
from meshgate.cluster.verify.drift import MISSING, UNREAD, Absent, Drift, drift
from meshgate.errors import UsageError
from meshgate.model import Environment, Resource, substituted
from meshgate.wording import plural
from meshgate.yamldoc import scalars
from meshgate.yamldoc.files import read_file

STDIN = "-"
SHOWN = 20
MESH_DOMAIN = ".istio.io"


class LiveComparison(NamedTuple):
    """What adoption would change in a cluster, and how much of the render was compared."""

    drifted: tuple[Drift, ...]
    unread: tuple[str, ...]
    compared: int

    @property
    def sentences(self) -> list[str]:
        """The comparison for people, the outcome first."""
        if not self.drifted:
            lines = [f"adoption changes nothing: {plural(self.compared, 'object')} are as they run"]
        else:
            lines = [
                f"adoption would change {plural(len(self.drifted), 'object')} of {self.compared}:"
            ]
        for each in self.drifted[:SHOWN]:
            if each.kind == MISSING:
                lines.append(f"  {each.resource}: would be made, it does not run")
            for change in each.changes:
                lines.append(
                    f"  {each.resource} {change.path}: runs {change.live!r}, would become "
                    f"{change.wanted!r}"
                )
        if len(self.drifted) > SHOWN:
            lines.append(f"  and {len(self.drifted) - SHOWN} more")
        if self.unread:
            lines.append(
                f"not compared, since the export has none of their kind: {', '.join(self.unread)}"
            )
        return lines


def add_live(parser: argparse.ArgumentParser) -> None:
    """Add the export of a cluster."""
    parser.add_argument(
        "--live",
        metavar="FILE",
        help="what the cluster has, as `kubectl get KINDS -A -o yaml` writes it (- for standard "
        "input): adoption must change nothing of it",
    )


def live_objects(file: str) -> list[Resource]:
    """The objects of an export. Raises UsageError, BuildError."""
    content = sys.stdin.buffer.read() if file == STDIN else read_file(Path(file), file)
    objects = source.read(content, file).resources
    if not objects:
        raise UsageError(
            f"{file} holds no object: that would be compared with nothing",
            hint="kubectl get peerauthentications,destinationrules -A -o yaml",
        )
    return objects


def compared(
    environment: Environment, rendered: Iterable[Resource], live: Sequence[Resource]
) -> LiveComparison:
    """What the rendered objects would change of those that run.

    Of policies every field counts. Of other objects those that are rendered: the API server fills
    in the others.
    """
    wanted = substituted(rendered, environment.values, scalars.plain).resources
    kinds = {each.kind for each in live}
    differing = [_stated(each) for each in drift(wanted, (r.value for r in live), kinds)]
    unread = dict.fromkeys(each.resource.kind for each in differing if each.kind == UNREAD)
    drifted = [d for d in differing if d.kind == MISSING or (d.kind != UNREAD and d.changes)]
    number = sum(each.kind in kinds for each in wanted)
    return LiveComparison(tuple(drifted), tuple(unread), number)


def _stated(each: Drift) -> Drift:
    if each.resource.group.endswith(MESH_DOMAIN):
        return each
    changes = (change for change in each.changes if not isinstance(change.wanted, Absent))
    return each._replace(changes=tuple(changes))
