"""What an environment is to get, beside what its cluster has: adoption is to change nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from meshgate import source
from meshgate.cli.clusters import add_cluster, cluster_of, print_notes, read_cluster, unread_kinds
from meshgate.cluster.verify.drift import MISSING, UNREAD, Absent, Drift, ServedKind, drift
from meshgate.errors import UsageError
from meshgate.model import Environment, Resource, put_in
from meshgate.wording import agree, plural
from meshgate.yamldoc import scalars
from meshgate.yamldoc.files import read_file

STDIN = "-"
SHOWN = 20
MESH_DOMAIN = ".istio.io"


class Running(NamedTuple):
    """What a cluster has, as far as it was read.

    kinds     of which `objects` are all that there are
    unread    why a kind is not among them: ends "not compared, since "
    """

    objects: Sequence[Resource]
    kinds: frozenset[ServedKind]
    unread: str


class LiveComparison(NamedTuple):
    """What adoption would change in a cluster, and how much of the render was compared.

    unread    rendered kinds that nothing was read of, and `why_unread`
    compared  how many objects were
    """

    drifted: tuple[Drift, ...]
    unread: tuple[str, ...]
    why_unread: str
    compared: int

    @property
    def sentences(self) -> list[str]:
        """The comparison for people, the outcome first."""
        if not self.drifted:
            what = agree(self.compared, "is as it runs", "are as they run")
            lines = [f"adoption changes nothing: {plural(self.compared, 'object')} {what}"]
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
            lines.append(f"not compared, since {self.why_unread}: {', '.join(self.unread)}")
        return lines


def add_live(parser: argparse.ArgumentParser) -> None:
    """Add where the cluster's objects are read: an export of it, or itself."""
    parser.add_argument(
        "--live",
        metavar="FILE",
        help="what the cluster has, as `kubectl get KINDS -A -o yaml` writes it (- for standard "
        "input): adoption must change nothing of it",
    )
    add_cluster(parser, required=False)


def running(options: argparse.Namespace) -> Running | None:
    """What the options say that runs; None: they name neither an export nor a cluster.

    Raises UsageError and BuildError for what is no export, ToolError without the extra `cluster`,
    ServiceError where the API server does not answer.
    """
    if options.live and options.context:
        raise UsageError(
            "--live and --context are two answers to one question",
            hint="give the export, or the context of the cluster itself",
        )
    if options.kubeconfig and not options.context:
        raise UsageError(
            "--kubeconfig does not say which cluster is meant",
            hint="add --context NAME; `kubectl config get-contexts` lists them",
        )
    if options.live:
        objects = live_objects(options.live)
        kinds = frozenset((each.group, each.kind) for each in objects)
        return Running(objects, kinds, "the export has none of their kind")
    if not options.context:
        return None
    live = read_cluster(cluster_of(options))
    print_notes(unread_kinds(live))
    return Running(
        [Resource.of(each) for objects in live.by_kind.values() for each in objects],
        live.served,
        f"{options.context} was not asked for their kind, or does not serve it",
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
    environment: Environment, rendered: Iterable[Resource], live: Running
) -> LiveComparison:
    """What the rendered objects would change of those that run.

    Of policies every field counts. Of other objects those that are rendered: the API server fills
    in the others.
    """
    wanted = put_in(rendered, environment.values, scalars.plain)
    differing = [
        _stated(each) for each in drift(wanted, (r.value for r in live.objects), live.kinds)
    ]
    unread = dict.fromkeys(each.resource.kind for each in differing if each.kind == UNREAD)
    drifted = [d for d in differing if d.kind == MISSING or (d.kind != UNREAD and d.changes)]
    number = sum((each.group, each.kind) in live.kinds for each in wanted)
    return LiveComparison(tuple(drifted), tuple(unread), live.unread, number)


def _stated(each: Drift) -> Drift:
    if each.resource.group.endswith(MESH_DOMAIN):
        return each
    changes = (change for change in each.changes if not isinstance(change.wanted, Absent))
    return each._replace(changes=tuple(changes))
