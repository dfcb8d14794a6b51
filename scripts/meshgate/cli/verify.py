"""Tell whether a cluster is what was reviewed.

Compares what the cluster has with rendered/ENV (floating: with what the overlay renders to):
missing and changed objects, objects that are not of this repository and not in its inventory,
and what all of that does to ports and calls. With --istiod also what istiod has pushed to
proxies, against the model; name each replica. Ends with 1 if anything is otherwise, or cannot
be told. What decides and could not be read, such as the release of an istiod by digest, is told;
with --strict that ends with 1, too.

--evidence writes the result as evidence of type `verified` for the gates of promotion.
--probes writes Jobs that make the calls of expectations/ENV.yaml for real; apply them
yourself, or have Argo CD or Flux do it. Needs meshgate's extra `cluster`.

examples:
  meshgate verify prod --context prod-eu
  meshgate verify prod --context prod-eu --istiod http://localhost:15014
  meshgate verify prod --context prod-eu --evidence out/
  meshgate verify prod --context prod-eu --probes probes.yaml
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from meshgate import source
from meshgate.cli.clusters import (
    PINNED,
    add_cluster,
    cluster_of,
    intended,
    print_notes,
    read_cluster,
)
from meshgate.cli.options import add_engine
from meshgate.cli.output import write
from meshgate.cli.request import load, settings
from meshgate.cli.terminal import printable
from meshgate.cluster import capture, verify
from meshgate.cluster.verify import Verification
from meshgate.cluster.verify.probes import IMAGE, probes
from meshgate.errors import UsageError
from meshgate.mesh import Mesh
from meshgate.model import Environment, Resource
from meshgate.pipeline.targets import select
from meshgate.promotion import evidence
from meshgate.promotion.files import git_tree, rendered_folder
from meshgate.promotion.release import Releases
from meshgate.promotion.session import Clock
from meshgate.repository import Repository
from meshgate.wording import plural
from meshgate.yamldoc.files import LARGEST_FILE, read_inside

FORMATS = ("text", "json")
# Added inside GitHub Actions to every command; it has no meaning here.
ANNOTATIONS = "github"
EVIDENCE = "verified"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environment", metavar="ENV")
    add_cluster(parser)
    add_engine(parser)
    parser.add_argument(
        "--istiod",
        metavar="URL",
        action="append",
        default=[],
        help="a replica's debug interface, port-forwarded; repeatable, once for each replica",
    )
    parser.add_argument(
        "--strict", action="store_true", help="end with 1 also where something is not known"
    )
    parser.add_argument(
        "--evidence", type=Path, metavar="DIR", help="write the result there as evidence"
    )
    parser.add_argument(
        "--cluster", metavar="NAME", help="how evidence calls the cluster; default: the context"
    )
    parser.add_argument(
        "--probes", type=Path, metavar="FILE", help="write Jobs that try the expectations"
    )
    parser.add_argument("--probe-image", metavar="IMAGE", help="an image with sh and curl")


def run(options: argparse.Namespace) -> int:
    """Verify one environment in one cluster."""
    root: Path = options.directory
    if any(output.format not in (*FORMATS, ANNOTATIONS) for output in options.outputs):
        raise UsageError(
            "`meshgate verify` does not write this format", hint=f"use one of {', '.join(FORMATS)}"
        )
    configuration = load(root)
    (environment,) = select(configuration.environments, [options.environment])
    judged = intended(options, environment, settings(options))
    judged.require_context()
    istiods = [verify.Istiod(url) for url in dict.fromkeys(options.istiod)]
    cluster = cluster_of(options)
    live = read_cluster(cluster)
    facts = environment.mesh
    about = (facts, capture.mesh_control(cluster, facts, live.of("Deployment", "Pod")))
    releases = [istiod.version() for istiod in istiods]
    verification = verify.verify(
        live,
        environment,
        judged.require_build().resources,
        list(judged.inventory),
        cluster=options.cluster or options.context,
        facts=capture.differences(*about, releases),
        unknown=[*capture.unknowns(*about, releases), *live.unread],
        istiods=istiods,
        strict=options.strict,
    )
    publish_verification(options, verification)
    if options.probes:
        write_probes(options, environment, verification.outcome.intended)
    if options.evidence:
        write_evidence(options, environment, verification)
    return int(not verification.passed)


def publish_verification(options: argparse.Namespace, verification: Verification) -> None:
    """Write the result in each format that was asked for."""
    locate = source.Locator(options.directory)
    for output in options.outputs:
        if output.format == ANNOTATIONS:
            continue
        color = options.color and output.file is None
        text = (
            verify.as_json(verification, locate)
            if output.format == "json"
            else verify.as_text(verification, locate, color=color)
        )
        if output.file is None:
            sys.stdout.write(text)
        else:
            write(output.file, text)


def write_probes(options: argparse.Namespace, environment: Environment, mesh: Mesh) -> None:
    """Write the Jobs, and say which expectations they do not try."""
    tried = probes(mesh, environment.expectations, options.probe_image or IMAGE)
    print_notes(f"no probe of {call}" for call in tried.untried)
    if not tried.jobs:
        raise UsageError(
            f"{environment.name}: no expectation can be tried by a probe",
            hint=f"add calls to HTTP ports to expectations/{environment.name}.yaml",
        )
    jobs = [Resource.of(job) for job in tried.jobs]
    head = f"Written by `meshgate verify {environment.name} --probes`: each Job tries one call."
    write(options.probes, source.dump(jobs, comment=head))
    print(f"{printable(str(options.probes))}: {plural(len(jobs), 'probe')}", file=sys.stderr)


def write_evidence(
    options: argparse.Namespace, environment: Environment, verification: Verification
) -> None:
    """Write the result as evidence about exactly what was compared."""
    tree, release = subject(options.directory, environment)
    observation = evidence.Observation(
        version=evidence.VERSION,
        type=EVIDENCE,
        environment=environment.name,
        cluster=verification.cluster,
        observed_at=Clock().now,
        result=evidence.PASS if verification.passed else evidence.FAIL,
        tree=tree,
        release=release,
        numbers=dict(verification.numbers),
    )
    content = evidence.written(observation)
    # What is written here must be readable there.
    evidence.read(content.encode(), reporter="", file="the evidence")
    options.evidence.mkdir(parents=True, exist_ok=True)
    file = options.evidence / evidence.file_name(observation)
    write(file, content)
    print(f"{printable(str(file))}: {observation.type} {observation.result}", file=sys.stderr)


def subject(root: Path, environment: Environment) -> tuple[str, str]:
    """The tree of the rendered files that were compared, or the release that was rendered."""
    folder = rendered_folder(environment.name)
    if environment.mode == PINNED and (root / folder).is_dir():
        paths = (path for path in (root / folder).rglob("*") if not path.is_dir())
        names = sorted(path.relative_to(root).as_posix() for path in paths)
        content = {name: read_inside(root, name, LARGEST_FILE) for name in names}
        return git_tree(environment.name, content), ""
    with Repository(root) as repository:
        return "", Releases(repository, "HEAD").newest().id
