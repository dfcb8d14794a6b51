"""The mesh model: a pure function of policies, inventory and mesh facts, as Istio decides."""

from __future__ import annotations

from meshgate.mesh.admission import Admission
from meshgate.mesh.authorization import Allows, PolicyStep, Request, RuleMatch, Witness
from meshgate.mesh.blocking import Blocking
from meshgate.mesh.calls import Call, CallClass
from meshgate.mesh.client_groups import ClientClass, ClientGroup
from meshgate.mesh.delivery import Delivery
from meshgate.mesh.explain import Explanation, Fate, Landing, Step, TlsSource
from meshgate.mesh.membership import MeshMembership
from meshgate.mesh.mesh import Mesh
from meshgate.mesh.network_policies import Direction, NetworkPolicy
from meshgate.mesh.policy import ClientPolicy
from meshgate.mesh.servers import DecidedBy, Overridden, ServerMode
from meshgate.mesh.services import Endpoint, Service, ServicePort
from meshgate.mesh.terms import (
    DataPlane,
    Discovery,
    Level,
    Mode,
    Outcome,
    Place,
    Tls,
    Transport,
    Verdict,
    verdict,
)
from meshgate.mesh.undecided import Unread
from meshgate.mesh.workloads import Workload

__all__ = [
    "Admission",
    "Allows",
    "Blocking",
    "Call",
    "CallClass",
    "ClientClass",
    "ClientGroup",
    "ClientPolicy",
    "DataPlane",
    "DecidedBy",
    "Delivery",
    "Direction",
    "Discovery",
    "Endpoint",
    "Explanation",
    "Fate",
    "Landing",
    "Level",
    "Mesh",
    "MeshMembership",
    "Mode",
    "NetworkPolicy",
    "Outcome",
    "Overridden",
    "Place",
    "PolicyStep",
    "Request",
    "RuleMatch",
    "ServerMode",
    "Service",
    "ServicePort",
    "Step",
    "Tls",
    "TlsSource",
    "Transport",
    "Unread",
    "Verdict",
    "Witness",
    "Workload",
    "verdict",
]
