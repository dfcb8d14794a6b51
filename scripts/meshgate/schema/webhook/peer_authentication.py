"""PeerAuthentication (validation.ValidatePeerAuthentication).

Its CRD says nearly all of it in CEL; what is left is how a port is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshgate.model import Resource
from meshgate.schema.webhook.problem import Problem

# The key of a map of numbers in protobuf's JSON: no sign, no leading zero.
NUMBER = re.compile(r"0|[1-9][0-9]*")


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a PeerAuthentication."""
    for port in resource.spec.get("portLevelMtls", {}):
        if not NUMBER.fullmatch(port):
            yield Problem(("spec", "portLevelMtls", port), f"`{port}` is no port number")
