"""A policy of authorization asks for what no request to the workload can have.

What it checks
    Of each enforced policy, at the sidecars that it is enforced for
    - `methods` that are no method: in lower case, or the path of a gRPC method (gRPC is POST);
    - `paths` without a leading slash, with a query or fragment, or that the proxy writes in
      another way before it compares them (`/a/../b`, `//` where slashes are merged): proven
      with the path normalization that the environment declares;
    - `ports` that are the port of a Service and not that of the container;
    - `hosts` that no Service, route or Gateway of the workload has, and those without a port
      where clients send one, because the Service's port is not 80;
    - `experimental.envoy.filters…`, which nothing in Istio sets.

    ```yaml
    - to: [{operation: {methods: [get], ports: ["80"]}}]     # GET, and container port 8080
    ```

Why it matters
    Envoy compares letter by letter. Such an ALLOW lets nobody in, and such a DENY denies nobody,
    though it reads like the rule that was wanted.

How to fix
    The fix names the value that requests have.

Known gaps
    A client may send any host it likes; those that clients of this mesh send are looked at. A
    port that nothing declares is a warning. `not` forms are looked at alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshgate.mesh import Workload
from meshgate.mesh.authorization import Action, AuthorizationPolicy
from meshgate.mesh.authorization.attributes import Normalization
from meshgate.mesh.authorization.matchers import Matcher, TemplateMatcher, text_matcher
from meshgate.mesh.authorization.paths import is_template, normalized, without_query
from meshgate.mesh.authorization.policy_values import PolicyValue, policy_values
from meshgate.mesh.authorization.text_classes import paths, text_classes
from meshgate.model import Severity
from meshgate.rules import policy_places
from meshgate.rules.context import Context
from meshgate.rules.policy_places import PolicyPlaces
from meshgate.rules.request_hosts import RequestHosts
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.wording import listed
from meshgate.wording.nearest import nearest

METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
METADATA = "experimental.envoy.filters."


def check(context: Context) -> Iterator[Violation]:
    normalization = policy_places.authorization(context).normalization
    places = policy_places.of(context)
    hosts = RequestHosts(context, places) if places is not None else None
    for policy in policy_places.policies(context):
        for value in policy_values(policy):
            violation = of_method(policy, value) or of_path(policy, value, normalization)
            if (
                violation is None
                and value.key.startswith(METADATA)
                and value.path.lower().endswith("values[0]")
            ):
                violation = Violation(
                    policy.resource,
                    value.path,
                    f"nothing in Istio sets `{value.key}`: {_effect(value)}",
                    fix="ask for a header or a claim instead",
                    severity=Severity.WARNING,
                )
            if violation is not None:
                yield violation
        if places is not None and hosts is not None:
            yield from of_ports(places, policy)
            yield from of_hosts(hosts, policy)


def of_method(policy: AuthorizationPolicy, value: PolicyValue) -> Violation | None:
    """A method that no request has."""
    text = value.value
    if value.key != "methods" and value.key.lower() != "request.headers[:method]":
        return None
    if text.startswith("/"):
        return Violation(
            policy.resource,
            value.path,
            f"`{text}` is no method, gRPC calls are POST: {_effect(value)}",
            fix=f"list it under `paths` as {text}, beside the method POST",
        )
    bare = text.strip("*")
    if bare and (not _TOKEN.fullmatch(bare) or (bare != bare.upper() and _is_like_one(text))):
        return Violation(
            policy.resource,
            value.path,
            f"no request has the method `{text}`: methods are compared with their case; "
            + _effect(value),
            fix=f"write {text.upper()}",
        )
    return None


def _is_like_one(text: str) -> bool:
    matcher = text_matcher(text.upper())
    return any(map(matcher.fits, METHODS))


def of_path(
    policy: AuthorizationPolicy, value: PolicyValue, normalization: Normalization
) -> Violation | None:
    """A path that no request has once the proxy has written it its way."""
    if value.key != "paths":
        return None
    text = value.value
    matcher: Matcher = TemplateMatcher(text) if is_template(text) else text_matcher(text)
    if text_classes([matcher], paths(normalization)).masks.get(matcher):
        return None
    slash = "" if text.startswith(("/", "*")) else "/"
    stars = text.endswith("*") and not is_template(text)
    body = without_query(normalized(slash + text.rstrip("*"), normalization))
    meant = body + ("*" if stars else "")
    why = (
        "paths begin with a slash"
        if slash
        else "`paths` has neither query nor fragment"
        if "?" in text or "#" in text
        else f"with the path normalization {normalization} the proxy writes it in another way"
    )
    return Violation(
        policy.resource,
        value.path,
        f"no request has a path like `{text}`: {why}; {_effect(value)}",
        fix=f"write {meant}",
    )


def of_ports(places: PolicyPlaces, policy: AuthorizationPolicy) -> Iterator[Violation]:
    """Ports of Services where those of containers are meant, and ports that nothing declares."""
    asked = [value for value in policy_values(policy) if value.key == "destination.port"]
    if not asked:
        return
    served: set[int] = set()
    behind: dict[int, dict[int, None]] = {}
    workloads: dict[int, Workload] = {}
    for place in places.of(policy):
        for workload in place.workloads:
            workloads[id(workload)] = workload
            served.update(places.mesh.ports(workload))
            for _, number, bound in places.mesh.targets(workload):
                behind.setdefault(number, {})[bound] = None
    if not workloads or not served:
        return
    for value in asked:
        port = int(value.value)
        if port in served:
            continue
        targets = sorted(behind.get(port, ()))
        names = listed(map(str, workloads.values()))
        yield Violation(
            policy.resource,
            value.path,
            f"{port} is a port of a Service, and policies compare that of the container, here "
            f"{listed(map(str, targets))}: {_effect(value)}"
            if targets
            else f"no Service and no container of {names} declares port {port}",
            fix="write " + listed(f'"{target}"' for target in targets)
            if targets
            else "correct the port, or declare it at the container",
            severity=Severity.ERROR if targets else Severity.WARNING,
        )


def of_hosts(hosts: RequestHosts, policy: AuthorizationPolicy) -> Iterator[Violation]:
    """Hosts that no client of the mesh sends to the workloads."""
    for value in policy_values(policy):
        if value.key != "hosts" or "*" in value.value:
            continue
        sent = hosts.of(policy)
        text = value.value.lower()
        if sent is None or text in sent.all or hosts.may_be_routed(text):
            continue
        with_port = sorted(host for host in sent.all if host.partition(":")[0] == text)
        if with_port:
            yield Violation(
                policy.resource,
                value.path,
                f"clients send `{with_port[0]}`, with the port, since it is not 80: "
                + _effect(value),
                fix=f"write {text}:*",
            )
        else:
            near = nearest(text, sorted(sent.all))
            yield Violation(
                policy.resource,
                value.path,
                f"no Service, route or Gateway of {listed(map(str, sent.workloads))} has the host "
                f"`{value.value}`: {_effect(value)}",
                fix=f"write {near}" if near else "write a host by which clients call it",
                severity=Severity.ERROR if policy.action is Action.ALLOW else Severity.WARNING,
            )


def _effect(value: PolicyValue) -> str:
    return "it excludes nothing" if value.negated else "nothing matches"


RULE = Rule(
    id="AZ006",
    name="unmatchable-request",
    severity=Severity.ERROR,
    summary="A method, path, host or port that no request to the workload can have.",
    fix="write the value that requests have",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({"HTTPRoute", "Ingress", "VirtualService", "Gateway"}),
    check=check,
)
