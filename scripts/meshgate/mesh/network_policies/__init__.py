"""NetworkPolicies of Kubernetes: which connections between pods they let through.

What it follows is the API's own documentation (NetworkPolicySpec) and the page "Network Policies"
of Kubernetes; where that leaves something to the network plugin, or hangs on addresses of pods,
the answer is that it is not known.
"""

from meshgate.mesh.network_policies.addresses import ordinary
from meshgate.mesh.network_policies.filtering import (
    TCP,
    FilterAnswer,
    Isolation,
    Packets,
    PolicyTable,
    ports_match,
    selects,
)
from meshgate.mesh.network_policies.invalid import InvalidPolicyError
from meshgate.mesh.network_policies.label_selectors import LabelPattern, OpenLabels, label_selector
from meshgate.mesh.network_policies.parties import EndKind, Parties, Party
from meshgate.mesh.network_policies.policies import (
    Direction,
    FilterRule,
    NetworkPolicy,
    Peer,
    PortRule,
    network_policy,
)
from meshgate.mesh.network_policies.reading import invalid_policies, network_policies
from meshgate.mesh.network_policies.selected_namespaces import NamespacesByLabel

__all__ = [
    "TCP",
    "Direction",
    "EndKind",
    "FilterAnswer",
    "FilterRule",
    "InvalidPolicyError",
    "Isolation",
    "LabelPattern",
    "NamespacesByLabel",
    "NetworkPolicy",
    "OpenLabels",
    "Packets",
    "Parties",
    "Party",
    "Peer",
    "PolicyTable",
    "PortRule",
    "invalid_policies",
    "label_selector",
    "network_policies",
    "network_policy",
    "ordinary",
    "ports_match",
    "selects",
]
