"""What rules of authorization say of a few objects, and what the model says after a repair."""

from __future__ import annotations

import copy
import datetime
import re
from collections.abc import Sequence
from typing import Any

from msgspec import structs

from conftest import TODAY
from meshes import Object
from meshgate import source
from meshgate.mesh import Mesh
from meshgate.model import BuildRecord, Environment, Finding, Floor, MeshFacts, Resource, split_path
from meshgate.pipeline import Settings
from meshgate.pipeline.judged import context_of
from meshgate.rules import RULES
from meshgate.rules.context import Context
from meshgate.rules.judge import judge

SECURITY = "security.istio.io/v1"


def context(
    objects: Sequence[Object], inventory: Sequence[Object], *, floor: str = "none", **facts: Any
) -> Context:
    """The context of one environment; `facts` are those of its mesh."""
    environment = structs.replace(
        Environment(name="prod"), mesh=MeshFacts(**facts), require=Floor(authorization=floor)
    )
    return context_of(
        environment,
        source.Build([Resource.of(each) for each in objects], BuildRecord()),
        [Resource.of(whole(each), foreign=True) for each in inventory],
        Settings(datetime.date.fromisoformat(TODAY), "jsonschema"),
    )


def whole(given: Object) -> Object:
    """An object with what the API server wants of it, and the model does not."""
    found = copy.deepcopy(given)
    if found["kind"] == "Deployment":
        labels = found["spec"]["template"]["metadata"]["labels"]
        found["spec"]["selector"] = {"matchLabels": labels}
    return found


def findings(rule: str, given: Context) -> list[Finding]:
    """What one rule says."""
    (own,) = [each for each in RULES if each.id == rule]
    return judge(given, [own], lambda *_: None)


def model(given: Context) -> Mesh:
    assert given.mesh is not None
    return given.mesh


def written(objects: Sequence[Object], finding: Finding) -> list[Object]:
    """The objects after a repair that says `write X`, at the place of the finding."""
    match = re.fullmatch(r'write "?([^ "]+)"?(?:, a path template)?', finding.fix)
    assert match, finding.fix
    return edited(objects, finding, match[1])


def listed(objects: Sequence[Object], finding: Finding) -> list[Object]:
    """The objects after a repair that says `list X beside it`."""
    match = re.fullmatch(r"list ([^ ]+) beside it", finding.fix)
    assert match, finding.fix
    return edited(objects, finding, match[1], beside=True)


def edited(
    objects: Sequence[Object], finding: Finding, value: str, *, beside: bool = False
) -> list[Object]:
    """The objects with another value at the place of a finding, or with one more there."""
    found = copy.deepcopy(list(objects))
    (own,) = [
        each
        for each in found
        if finding.resource is not None
        and (each["kind"], each["metadata"]["name"])
        == (finding.resource.kind, finding.resource.name)
    ]
    *way, last = split_path(finding.path)
    node: Any = own
    for part in way:
        node = node[part]
    if beside:
        node.append(value)
    else:
        node[last] = value
    return found


def lets_in(
    mesh: Mesh,
    client: str = "a/ui",
    *,
    host: str = "",
    port: int = 0,
    method: str = "",
    path: str = "",
    name: str = "",
) -> bool:
    """Whether some request of a client gets in, with this method, path and host (`name`)."""
    place, _, workload = client.partition("/")
    own = mesh.workload(place, workload)
    services = [mesh.service(host, place)] if host else None
    for call in mesh.calls(own, services, port or None):
        admission = call.delivery.admission
        if admission is None:
            return True
        access = admission.decision.access
        if access is None:
            return False
        return access.narrowed(method, path, name).first_permitted() is not None
    raise AssertionError("no such call")
