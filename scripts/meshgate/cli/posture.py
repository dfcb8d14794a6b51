"""Tell what every server port accepts, which policy decides it, and who gets in.

Every workload and port: the mode that Istio enforces there, the PeerAuthentication that
says so, and those that it overrides. Where there are AuthorizationPolicies, or the environment
requires default-deny, also who gets in.

examples:
  meshgate posture prod                          an environment, with its inventory
  kubectl get ns,all,netpol,istio-io -A -o yaml | meshgate posture -
  meshgate posture --format json
"""

from __future__ import annotations

import argparse

from meshgate.cli.meshes import add_targets, meshes
from meshgate.cli.output import publish
from meshgate.report import posture

FORMATS = posture.FORMATS


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    add_targets(parser)


def run(options: argparse.Namespace) -> int:
    """Print a line for each port, or for ports that are alike."""
    shown = meshes(options, options.targets)
    publish(FORMATS, shown.views, options)
    return shown.end(options)
