"""Several policies for one scope, of which only the oldest counts.

What it checks
    PeerAuthentications that one control plane sees and that stand for the same scope: two without
    selector in one namespace, two with the same labels, or two of which one selects by some of the
    labels of the other, so that every pod of the narrower matches both.

    ```yaml
    # boards/all
    spec: {selector: {matchLabels: {app: boards}}, mtls: {mode: STRICT}}
    ---
    # boards/canary: not "more specific", a rival
    spec: {selector: {matchLabels: {app: boards, version: v2}}, mtls: {mode: PERMISSIVE}}
    ```

Why it matters
    istiod uses exactly one policy for each scope, the one with the oldest creationTimestamp, and
    never merges two. Files carry no age: in a running cluster the first that was ever applied
    wins, in a cluster built anew all come in the same second and the alphabetically first name
    wins. The same repository then enforces two different things. Two policies that give the same
    are a warning: an edit of the wrong one will do nothing.

How to fix
    Keep one policy for each scope. Put port exceptions of one workload into one policy, and give
    every variant of a workload labels that exclude the others (`version: v1`, `version: v2`).

Known gaps
    Selectors with different keys (`app: boards`, `tier: web`) conflict only where a pod carries
    both labels, which policies alone cannot tell. Objects for different `istio.io/rev` never meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from meshgate.mesh import Workload
from meshgate.mesh.order import possible_oldest
from meshgate.mesh.peer_authentication import PeerPolicy
from meshgate.model import Severity
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import SHOWN, listed


def check(context: Context) -> Iterator[Violation]:
    reported: set[frozenset[int]] = set()
    for plane in pa.by_control_plane(context):
        for scope, group in groups(plane):
            rivals = list(dict.fromkeys(group))
            members = frozenset(id(policy.resource) for policy in rivals)
            if len(rivals) > 1 and members not in reported:
                reported.add(members)
                yield conflict(plane, scope, sorted(rivals, key=lambda policy: policy.name))
        for workload, rivals in meeting(context, plane):
            members = frozenset(id(policy.resource) for policy in rivals)
            if members not in reported and not any(members <= known for known in reported):
                reported.add(members)
                yield on_workload(plane, workload, rivals)


def meeting(
    context: Context, plane: pa.ControlPlanePolicies
) -> Iterator[tuple[Workload, list[PeerPolicy]]]:
    """Policies whose selectors meet on a known workload, though neither lies within the other."""
    mesh = context.mesh
    if mesh is None:
        return
    seen: set[int] = set()
    for workload in mesh.workloads:
        if workload.has_sidecar and id(mesh.server_class(workload)) not in seen:
            seen.add(id(mesh.server_class(workload)))
            selecting, *_ = mesh.server_class(workload).candidates
            rivals = [
                policy
                for each in selecting
                if (policy := plane.by_resource.get(id(each.resource))) is not None
            ]
            if len(rivals) > 1:
                yield workload, sorted(rivals, key=lambda policy: policy.name)


def on_workload(
    plane: pa.ControlPlanePolicies, workload: Workload, rivals: Sequence[PeerPolicy]
) -> Violation:
    """What each order gives to one workload that all of them select."""
    subject = max(rivals, key=lambda policy: (not policy.resource.foreign, policy.name))
    gives = {
        id(policy): plane.outcome(
            pa.PolicyScope(policy.namespace, frozenset(policy.selector.items())), policy
        )
        for policy in rivals
    }
    names = listed([policy.name for policy in rivals])
    return Violation(
        subject.resource,
        "spec.selector",
        f"{names} all select {workload}, and only the oldest counts: "
        + verdict(possible_oldest(rivals), gives),
        fix=f"let one policy select {workload}, of {names}",
        related=(
            *(
                RelatedResource(
                    policy.resource, f"gives {gives[id(policy)]}", pa.mode_path(policy.resource)
                )
                for policy in rivals
                if policy is not subject
            ),
            RelatedResource(workload.resource, "is selected by all of them"),
        ),
        severity=Severity.WARNING if len(set(gives.values())) == 1 else None,
        key=names,
    )


def groups(plane: pa.ControlPlanePolicies) -> Iterator[tuple[pa.PolicyScope, list[PeerPolicy]]]:
    """Policies of which only one can decide, with the scope they share."""
    for scope, policies in plane.scopes.items():
        if len(policies) > 1:
            yield scope, policies
        for wider in plane.wider[scope]:
            yield scope, [*plane.scopes[wider], *policies]


def conflict(
    plane: pa.ControlPlanePolicies, scope: pa.PolicyScope, rivals: Sequence[PeerPolicy]
) -> Violation:
    """What each order of these policies, sorted by name, gives."""
    # Best reported at the narrower policy, and at one that can be edited here.
    here = {id(policy) for policy in plane.scopes[scope]}
    subject = max(rivals, key=lambda p: (not p.resource.foreign, id(p) in here, p.name))
    gives = {id(policy): plane.outcome(scope, policy) for policy in rivals}
    names = listed([policy.name for policy in rivals])
    return Violation(
        subject.resource,
        "spec.selector" if scope.labels else "metadata.name",
        f"{names} stand for one scope, {scope}, and only the oldest counts: "
        + verdict(possible_oldest(rivals), gives),
        fix=f"keep one policy for {scope}, of {names}",
        related=tuple(
            RelatedResource(
                policy.resource, f"gives {gives[id(policy)]}", pa.mode_path(policy.resource)
            )
            for policy in rivals
            if policy is not subject
        ),
        severity=Severity.WARNING if len(set(gives.values())) == 1 else None,
        key=names,
    )


def verdict(possible: Sequence[PeerPolicy], gives: Mapping[int, str]) -> str:
    """Who wins, or what each possible winner gives."""
    # Where one sync creates all of them the name decides.
    possible = sorted(possible, key=lambda policy: policy.name)
    first = possible[0]
    outcomes = set(gives.values())
    if len(outcomes) == 1:
        return f"each gives {outcomes.pop()} today, and a change of the wrong one does nothing"
    if len(possible) == 1:
        return f"{first.name} is it and gives {gives[id(first)]}; the rest does nothing"
    orders = ", ".join(f"{gives[id(p)]} if that is {p.name}" for p in possible[:SHOWN])
    return f"{orders}; where one sync creates all of them the name decides, so {first.name}"


RULE = Rule(
    id="PA003",
    name="conflicting-peer-authentications",
    severity=Severity.ERROR,
    summary="Several policies decide for one scope, and their age tells which one does.",
    fix="keep one policy for each scope",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({pa.KIND}),
    check=check,
)
