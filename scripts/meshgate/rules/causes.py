"""One cause is one finding: violations of one cause reported as one, and consequences folded in.

Both work on what all rules found, after waivers: a finding that somebody accepted stands for
itself, and nothing is folded into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct, structs

from meshgate.model import Finding, Related, Resource, SchemaViolation, fingerprint
from meshgate.rules.rule import Violation

# By the rule of a consequence: the rules whose repair makes an end of it, where both point at one
# object. A finding of another rule on the same object has a repair of its own.
SAME_OBJECT: Mapping[str, frozenset[str]] = {
    "CA005": frozenset({"DR001", "DR009", "DR011", "DR017", "PA001", "PA002", "PA007"}),
    "PA011": frozenset({"PA001", "PA002", "PA013"}),
}
# The same where the consequence is about something that the cause explains (`Violation.explains`).
EXPLAINED: Mapping[str, frozenset[str]] = {
    "CA001": frozenset({"CA010", "DR022"}),
    "CA005": frozenset({"PA006"}),
}
# The same where the consequence is so because no object says otherwise.
BY_DEFAULT: Mapping[str, frozenset[str]] = {"CA005": frozenset({"PA007"})}
# What is missing, or in force instead, while an object is refused: by its kind.
OF_REFUSED: Mapping[str, frozenset[str]] = {
    "AuthorizationPolicy": frozenset({"CA008"}),
    "PeerAuthentication": frozenset({"CA005", "PA007", "RE001"}),
    "DestinationRule": frozenset({"CA009", "VS002"}),
    "Service": frozenset({"CA011", "DR005", "VS003"}),
    "ServiceEntry": frozenset({"DR005", "VS003"}),
    "Gateway": frozenset({"VS003"}),
}


# What CA008 says of the policies of a call that is let in, or denied, against expectation.
DECIDES = "decides who gets in"


class JudgedViolation(NamedTuple):
    """A finding, with the violation that it reports."""

    finding: Finding
    violation: Violation


def one_for_each_cause(
    judged: Sequence[JudgedViolation], refused: Sequence[SchemaViolation], root_namespace: str
) -> Iterator[Finding]:
    """The findings, one for each cause; waived ones as they are."""
    yield from (each.finding for each in judged if each.finding.waiver is not None)
    unwaived = [each for each in judged if each.finding.waiver is None]
    folded = _consequences(unwaived, refused, root_namespace)
    gone = {number for numbers in folded.values() for number in numbers}
    numbers = {id(each): number for number, each in enumerate(unwaived)}
    for members in _grouped([e for n, e in enumerate(unwaived) if n not in gone]):
        follow = [unwaived[n] for each in members for n in _all(numbers[id(each)], folded)]
        yield _with(_joined(members), [_joined(each) for each in _grouped(follow)])


def _grouped(judged: Sequence[JudgedViolation]) -> list[list[JudgedViolation]]:
    """Violations of one rule that name one cause, together."""
    groups: dict[tuple[object, ...], list[JudgedViolation]] = {}
    for number, each in enumerate(judged):
        finding, group = each.finding, each.violation.group
        key = (
            finding.rule,
            finding.severity,
            finding.decided,
            group is None,
            number if group is None else group.cause,
        )
        groups.setdefault(key, []).append(each)
    return list(groups.values())


def _joined(members: Sequence[JudgedViolation]) -> Finding:
    """Violations of one cause as one finding, at the first of them."""
    first, violation = members[0]
    group = violation.group
    if group is None or len(members) == 1:
        return first
    named = {each.violation.group.name: None for each in members if each.violation.group}
    related = {(other.resource, other.source): other for other in first.related}
    for finding, _ in members[1:]:
        for other in _places(finding, first):
            related.setdefault((other.resource, other.source), other)
    return structs.replace(
        first,
        message=group.several(list(named)) if len(named) > 1 else first.message,
        fix=group.fix or first.fix,
        related=tuple(related.values()),
        fingerprint=fingerprint(first.rule, first.environment, group.cause),
    )


def _places(finding: Finding, first: Finding) -> Iterable[Related]:
    """Where a person finds one member of a group, beside the first."""
    if finding.resource is not None and finding.resource != first.resource:
        return (Related(finding.resource, "is one of them", finding.source),)
    return finding.related[:1]


def _consequences(
    judged: Sequence[JudgedViolation], refused: Sequence[SchemaViolation], root_namespace: str
) -> dict[int, list[int]]:
    """What ends with the repair of another, by the place of that one in the list."""
    by_object: dict[object, list[int]] = {}
    by_subject: dict[str, list[int]] = {}
    by_rule: dict[str, list[int]] = {}
    for number, each in enumerate(judged):
        by_object.setdefault(each.finding.resource, []).append(number)
        by_rule.setdefault(each.finding.rule, []).append(number)
        for subject in each.violation.explains:
            by_subject.setdefault(subject, []).append(number)
    refusals = _refusals(judged, refused, root_namespace)
    folded: dict[int, list[int]] = {}
    gone: set[int] = set()
    for number, each in enumerate(judged):
        rule, violation = each.finding.rule, each.violation
        same = by_object.get(each.finding.resource, ()) if each.finding.resource else ()
        candidates = [
            *(n for n in same if judged[n].finding.rule in SAME_OBJECT.get(rule, ())),
            *(
                n
                for n in by_subject.get(violation.about, ())
                if judged[n].finding.rule in EXPLAINED.get(rule, ())
            ),
            *(
                n
                for cause in BY_DEFAULT.get(rule, ())
                if violation.by_default
                for n in by_rule.get(cause, ())
            ),
            *(
                refusal.number
                for refusal in refusals
                if rule in OF_REFUSED.get(refusal.kind, ()) and refusal.explains(each)
            ),
        ]
        for cause in candidates:
            if cause not in gone and _may_stand_for(judged[cause], each):
                folded.setdefault(cause, []).append(number)
                gone.add(number)
                break
    return folded


def _all(number: int, folded: Mapping[int, Sequence[int]]) -> Iterator[int]:
    """What is folded into a finding, and into what is folded into it."""
    for each in folded.get(number, ()):
        yield each
        yield from _all(each, folded)


def _may_stand_for(cause: JudgedViolation, consequence: JudgedViolation) -> bool:
    """Whether nothing graver or surer is lost."""
    return (
        cause.finding.severity.rank <= consequence.finding.severity.rank
        and cause.finding.decided >= consequence.finding.decided
    )


def _with(finding: Finding, consequences: Sequence[Finding]) -> Finding:
    if not consequences:
        return finding
    about = tuple(
        Related(resource, f"{each.rule} follows from it: {each.message}", each.source)
        for each in consequences
        if (resource := each.resource or finding.resource) is not None
    )
    return structs.replace(finding, related=(*finding.related, *about))


class _Refusal(Struct, frozen=True):
    """An object that the API server or istiod refuses, which is missing where calls are judged."""

    number: int
    resource: Resource
    root_namespace: str

    @property
    def kind(self) -> str:
        return self.resource.kind

    def explains(self, judged: JudgedViolation) -> bool:
        """Whether a finding is about what this object would give, were it accepted."""
        finding, about = judged.finding, judged.violation.about
        if self.kind == "PeerAuthentication":
            # Without a policy Istio's default decides, which `about` says by the namespace.
            place = self.resource.namespace
            if finding.rule == "PA007":
                return place == self.root_namespace
            return judged.violation.by_default and (
                place == self.root_namespace or about.startswith(f"{place}/")
            )
        if self.kind == "AuthorizationPolicy":
            # Whom it lets in, or keeps out, at the servers of its namespace is not known.
            namespace = self.resource.namespace
            is_of_access = any(each.message == DECIDES for each in finding.related)
            return is_of_access and (
                namespace == self.root_namespace or f".{namespace}." in f"{about}."
            )
        if self.kind == "DestinationRule":
            host = str(self.resource.spec.get("host") or "")
            return bool(host) and _names(host, about)
        named = [self.resource.name]
        if self.kind == "ServiceEntry":
            hosts = self.resource.spec.get("hosts")
            named = [str(host) for host in hosts] if isinstance(hosts, list) else []
        return any(_names(name, about) for name in named)


def _names(name: str, about: str) -> bool:
    """Whether a host, short or whole, may be the one that a finding is about."""
    return about == name or about.startswith(f"{name}.") or name.startswith(f"{about}.")


def _refusals(
    judged: Sequence[JudgedViolation], refused: Sequence[SchemaViolation], root_namespace: str
) -> list[_Refusal]:
    numbers: dict[tuple[object, str], int] = {}
    for number, each in enumerate(judged):
        numbers.setdefault((each.finding.resource, each.finding.rule), number)
    refusals: dict[int, _Refusal] = {}
    for violation in refused:
        at = numbers.get((violation.resource.ref, violation.rule))
        if at is not None:
            refusals.setdefault(at, _Refusal(at, violation.resource, root_namespace))
    return list(refusals.values())
