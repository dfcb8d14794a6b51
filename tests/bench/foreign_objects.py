"""What `verify` pays for objects that are not of the repository: one of them, and many.

Prints seconds of the processor by how many; `foreign_objects.py FOLDER` is run on a fleet.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from meshgate import garbage
from meshgate.cluster.verify.foreign import ReviewedAndLive, outcome
from meshgate.model import MeshFacts, Resource
from meshgate.pipeline.manifests import ManifestArguments, read_manifests

REVIEWED = frozenset({"PeerAuthentication", "DestinationRule"})
COUNTS = (1, 50)


def main() -> int:
    """Time the comparison of what was reviewed with what is there."""
    garbage.collect_rarely()
    resources = read_manifests(Path(sys.argv[1]), ManifestArguments(["."])).build.resources
    rendered = [each for each in resources if each.kind in REVIEWED]
    running = [each for each in resources if each.kind not in REVIEWED]
    taken = {}
    for count in COUNTS:
        there = [*rendered, *(foreign(number) for number in range(count))]
        began = time.process_time()
        found = outcome(ReviewedAndLive(rendered, (), there, running), MeshFacts(), ())
        taken[str(count)] = time.process_time() - began
        assert len(found.foreign) == count
        assert sum(each.decides for each in found.foreign) == count
    json.dump(taken, sys.stdout)
    return 0


def foreign(number: int) -> Resource:
    """A policy that somebody applied by hand, and that opens one workload."""
    return Resource.of(
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "PeerAuthentication",
            "metadata": {
                "name": f"by-hand-{number}",
                "namespace": f"team-{number * 2:05}",
                "creationTimestamp": "2024-01-01T00:00:00Z",
            },
            "spec": {
                "selector": {"matchLabels": {"app": "svc-0"}},
                "mtls": {"mode": "DISABLE"},
            },
        },
        foreign=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
