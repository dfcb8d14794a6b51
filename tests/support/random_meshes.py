"""Random meshes, and every answer that the model gives of one."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st

from meshes import (
    ROOT,
    Object,
    deployment,
    destination_rule,
    istio,
    namespace,
    peer_authentication,
    service,
)
from meshgate.mesh import Mesh, Mode

NAMESPACES = ("alpha", "beta", "gamma")


NAMES = ("web", "api", "db")


MODES = tuple(map(str, Mode))


TLS = ("DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL")


@st.composite
def objects(draw: st.DrawFn, *, dated: bool = True) -> list[Object]:
    """A small mesh: workloads and Services with policies, rules, Sidecars and routes around."""
    found: list[Object] = [namespace(ROOT, None)]
    for place in NAMESPACES:
        found.append(namespace(place, draw(st.sampled_from(("enabled", "disabled", None)))))
        for name in sorted(draw(st.sets(st.sampled_from(NAMES), min_size=1))):
            found += draw(application(place, name))
    ages = st.integers(1, 4) if dated else st.one_of(st.none(), st.integers(1, 2))
    for number in range(draw(st.integers(0, 5))):
        found.append(draw(policy(f"pa{number}", ages)))
    for number in range(draw(st.integers(0, 6))):
        found.append(draw(rule(f"dr{number}", ages)))
    for number in range(draw(st.integers(0, 2))):
        found.append(draw(sidecar(f"sc{number}")))
    for number in range(draw(st.integers(0, 2))):
        found.append(draw(route(f"vs{number}")))
    return found


@st.composite
def application(draw: st.DrawFn, place: str, name: str) -> list[Object]:
    found = []
    for version in draw(st.sampled_from((("v1",), ("v1", "v2")))):
        inject = draw(st.sampled_from((None, None, "true", "false")))
        labels = {"app": name, "version": version}
        if inject is not None:
            labels["sidecar.istio.io/inject"] = inject
        excluded = draw(st.sampled_from(({}, {}, {}, {"excludeOutboundPorts": "80"})))
        annotations = {f"traffic.sidecar.istio.io/{key}": item for key, item in excluded.items()}
        found.append(deployment(f"{name}-{version}", place, labels, annotations=annotations))
    protocol = draw(st.sampled_from(("http", "tcp", "auto")))
    extra: Object = {"clusterIP": "None"} if draw(st.booleans()) else {}
    exported = draw(st.sampled_from(("", "", "", ".", ".,alpha")))
    found.append(
        service(
            name,
            place,
            {f"{protocol}:80": 8080},
            annotations={"networking.istio.io/exportTo": exported},
            **extra,
        )
    )
    return found


@st.composite
def policy(draw: st.DrawFn, name: str, ages: st.SearchStrategy[int | None]) -> Object:
    spec: Object = {}
    if draw(st.booleans()):
        spec["selector"] = {"app": draw(st.sampled_from(NAMES))}
        if draw(st.booleans()):
            spec["ports"] = {8080: draw(st.sampled_from((*MODES, "UNSET")))}
    place = draw(st.sampled_from((*NAMESPACES, ROOT)))
    mode = draw(st.sampled_from((*MODES, None)))
    return peer_authentication(name, place, mode, age=draw(ages), **spec)


@st.composite
def rule(draw: st.DrawFn, name: str, ages: st.SearchStrategy[int | None]) -> Object:
    fixed = ("*", "*.local", "*.beta.svc.cluster.local", *NAMES)
    full = [f"{own}.{place}.svc.cluster.local" for own in NAMES for place in NAMESPACES]
    spec: Object = {}
    if draw(st.integers(0, 3)) == 0:
        spec["workloadSelector"] = {"matchLabels": {"version": draw(st.sampled_from(("v1", "v2")))}}
    else:
        exported = draw(st.sampled_from((None, None, ["*"], ["."], ["alpha"], ["alpha", "beta"])))
        if exported is not None:
            spec["exportTo"] = exported
    if draw(st.booleans()):
        spec["subsets"] = [{"name": "v1", "labels": {"version": "v1"}}]
    policy: Object = {}
    if draw(st.integers(0, 3)):
        policy["tls"] = {"mode": draw(st.sampled_from(TLS))}
    if draw(st.integers(0, 3)) == 0:
        tls = {"tls": {"mode": draw(st.sampled_from(TLS))}} if draw(st.booleans()) else {}
        policy["portLevelSettings"] = [{"port": {"number": 80}, "loadBalancer": {}, **tls}]
    if policy:
        spec["trafficPolicy"] = policy
    host = draw(st.sampled_from((*fixed, *full)))
    return destination_rule(
        name, draw(st.sampled_from((*NAMESPACES, ROOT))), host, age=draw(ages), **spec
    )


@st.composite
def sidecar(draw: st.DrawFn, name: str) -> Object:
    hosts = draw(
        st.lists(
            st.sampled_from(("*/*", "./*", "beta/*", "~gamma/*", "*/web.beta.svc.cluster.local")),
            min_size=1,
            max_size=2,
            unique=True,
        )
    )
    return istio(
        "Sidecar", name, draw(st.sampled_from(NAMESPACES)), age=1, egress=[{"hosts": hosts}]
    )


@st.composite
def route(draw: st.DrawFn, name: str) -> Object:
    host = f"{draw(st.sampled_from(NAMES))}.{draw(st.sampled_from(NAMESPACES))}.svc.cluster.local"
    destination: Object = {"host": host}
    if draw(st.booleans()):
        destination["subset"] = "v1"
    match = draw(
        st.sampled_from(([], [{"sourceLabels": {"version": "v2"}}], [{"sourceNamespace": "alpha"}]))
    )
    other = f"{draw(st.sampled_from(NAMES))}.{draw(st.sampled_from(NAMESPACES))}.svc.cluster.local"
    own = draw(st.sampled_from((host, other, "*.beta.svc.cluster.local")))
    return istio(
        "VirtualService",
        name,
        draw(st.sampled_from(NAMESPACES)),
        age=1,
        hosts=[own],
        http=[{"match": match, "route": [{"destination": destination}]}],
    )


def answers(model: Mesh) -> dict[object, object]:
    """All that a mesh says, in plain values."""
    found: dict[object, object] = {}
    for workload in model.workloads:
        for port in (8080, None):
            mode = model.mode_at(workload, port)
            found[str(workload), port] = (mode.mode, str(mode.decided_by), mode.decided)
    rows: Counter[object] = Counter()
    for call in model.calls():
        rules = [str(rule) for rule in call.policy.rules] if call.policy else []
        end = str(call.endpoint.workload) if call.endpoint else ""
        row = (str(call.client), call.service.host, call.port.number, call.subset, end)
        rows[(*row, *rules, call.tls, call.transport, call.outcome)] += 1
    found["calls"] = rows
    return found
