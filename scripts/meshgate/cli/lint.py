"""Judge any manifests: files, folders, a `kubectl get -o yaml` dump, standard input.

Objects of the mesh (PeerAuthentication, DestinationRule ...) are judged; Services,
workloads and Namespaces among the manifests say what the policies are about.
Without --mesh, Istio's own defaults hold, and every port is wanted STRICT.

examples:
  meshgate lint policies/
  kubectl get pa,dr,svc,deploy -A -o yaml | meshgate lint -
  meshgate lint --mesh mesh.yaml rendered.yaml
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from meshgate import config, source
from meshgate.cli import judging
from meshgate.cli.output import publish
from meshgate.cli.validate import add_judging_options
from meshgate.errors import NothingToCheckError, UsageError
from meshgate.model import BuildRecord, Environment, Resource

STDIN = "-"
SUFFIXES = (".yaml", ".yml", ".json")
NAMED = 3


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="file, folder, or - for stdin")
    parser.add_argument(
        "--mesh", type=Path, metavar="FILE", help="`mesh` and `require` of the environment"
    )
    parser.add_argument("-n", dest="namespace", metavar="NS", help="of objects without one")
    add_judging_options(parser)


def run(options: argparse.Namespace) -> int:
    """Judge the manifests; findings on standard output."""
    root: Path = options.directory
    given = {STDIN: sys.stdin.buffer.read()} if STDIN in options.paths else {}
    loaded = list(read_all(root, options.paths, given))
    resources = [resource for part in loaded for resource in part.resources]
    if options.namespace:
        resources = [in_namespace(resource, options.namespace) for resource in resources]
    if not resources:
        raise NothingToCheckError(
            "there is no Kubernetes object in " + ", ".join(options.paths),
            hint="give files or folders with manifests; an empty check is not a pass",
        )
    environment = config.load_mesh(root / options.mesh) if options.mesh else Environment(name="")
    build = source.Build(
        resources=resources,
        record=BuildRecord(defects=tuple(defect for part in loaded for defect in part.defects)),
    )
    context = judging.context_of(
        environment,
        build,
        (),
        options.today,
        engine=options.engine,
        complete=options.mesh is not None,
    )
    locate = source.Locator(root, given)
    findings = judging.judge_context(context, locate)
    notes = [*judging.notes_on([context]), *passed_over(loaded)]
    report = judging.report_of(findings, [judging.tally(context)], locate, notes)
    publish(report, options)
    return judging.exit_code(report, (), options.fail_on)


def read_all(
    root: Path, paths: Sequence[str], given: Mapping[str, bytes]
) -> Iterator[source.Loaded]:
    """Everything the paths hold, in their order. Raises UsageError for a path that is not there."""
    for text in paths:
        path = root / text
        if text in given:
            yield source.read(given[text], text)
        elif path.is_dir():
            for file in sorted(
                p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and not p.is_dir()
            ):
                yield source.read_path(root, text / file.relative_to(path), within=Path(text))
        elif path.exists():
            yield source.read_path(root, Path(text))
        else:
            raise UsageError(f"{text}: there is no such file or folder")


def passed_over(loaded: Iterable[source.Loaded]) -> list[str]:
    """What the reader must know of documents that are not judged."""
    others = [origin for part in loaded for origin in part.others]
    if not others:
        return []
    named = ", ".join(f"{origin.file} ({origin.document + 1})" for origin in others[:NAMED])
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    return [f"passed over, since they are or list no Kubernetes object: documents {named}{more}"]


def in_namespace(resource: Resource, namespace: str) -> Resource:
    """The resource as it lands with `kubectl apply -n`."""
    if resource.namespace is not None or resource.kind in source.CLUSTER_WIDE:
        return resource
    value = {**resource.value, "metadata": {**resource.metadata, "namespace": namespace}}
    return Resource.of(value, resource.origin, foreign=resource.foreign)
