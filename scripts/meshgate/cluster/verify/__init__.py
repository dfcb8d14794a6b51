"""Whether a cluster is what was reviewed.

- `verify(live, environment, rendered, inventory, …)`: drift, foreign objects, what all of that does
  to ports and calls, and what istiod has pushed.
- `as_text(…)`, `as_json(…)`: what people and programs read of it.
- `probes(mesh, expectations)`: Jobs that try it.
"""

from __future__ import annotations

from meshgate.cluster.verify.istiod import Istiod
from meshgate.cluster.verify.probes import probes
from meshgate.cluster.verify.text import as_json, as_text
from meshgate.cluster.verify.verification import Verification, verify

__all__ = ["Istiod", "Verification", "as_json", "as_text", "probes", "verify"]
