"""Repairs that findings and explanations state, applied to the mesh they are stated of.

A repair that states an edit is applied to the objects, and the mesh is asked again: the call that
was broken works, no other call breaks, and no other rule forbids what was written. Texts that state
no edit of a policy are listed; a text that is in neither table fails.
"""

from __future__ import annotations

import copy
import datetime
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import yaml

from meshgate.mesh import Mesh, Outcome, Transport, Verdict
from meshgate.model import (
    Environment,
    Finding,
    JSONObject,
    Resource,
    ResourceIndex,
    ResourceRef,
    Severity,
)
from meshgate.report.explain import explanations
from meshgate.report.explain.explanation import CallRepair
from meshgate.report.view import View
from meshgate.rules import RULES
from meshgate.rules.broken_calls import COUNTED, Broken, broken_calls
from meshgate.rules.call_repairs import CAUTION
from meshgate.rules.context import Context
from meshgate.rules.rule import Phase, Violation
from repair_texts import Change, Edit, Key, Repairs, Stated, applied, drop, on, put

STATE_RULES = [rule for rule in RULES if rule.phase is Phase.STATE]
# The rules whose repairs are edits of policies, and those of them that are about calls that fail.
NUMBERS = {
    "CA": (1, 2, 3, 4, 9),
    "DR": (1, 4, 5, 6, 9, 10, 12, 17),
    "PA": (1, 2, 6, 7, 8, 9, 11, 12),
    "VS": (3,),
}
ASKED = frozenset(f"{family}{number:03}" for family, own in NUMBERS.items() for number in own)
OF_CALLS = frozenset({"CA001", "CA002", "CA003", "CA004", "CA009"})
TODAY = datetime.date(2026, 8, 1)
# A mode that tightens refuses those who send plaintext on purpose, and such a text says so.
ONCE = "once "
WAIVED = "waive"
# What a text says of the rules that its edit may meet.
SAID = {
    CAUTION: {"DR012"},
    "require.wildcardHosts": {"DR003"},
    "PA013": {"PA013"},
}
WAIVABLE = frozenset({"PA001", "PA002", "DR001"})
# Of so many calls that fail, at most, what `explain` says is tried.
EXPLAINED = 12


# Client, host, port and subset.
CallName = tuple[str, str, int, str]


@dataclass(frozen=True)
class State:
    """Objects as they are applied, each with whether it is managed elsewhere."""

    objects: tuple[tuple[JSONObject, bool], ...]
    environment: Environment

    def context(self) -> Context:
        """What rules look at."""
        resources = [Resource.of(value, foreign=foreign) for value, foreign in self.objects]
        index = ResourceIndex(resources)
        mesh = Mesh(resources, self.environment.mesh)
        own = tuple(each for each in resources if not each.foreign)
        return Context(self.environment, index, TODAY, mesh=mesh, rendered=own)

    def edited(self, edit: Change) -> State:
        """The state after an edit."""
        objects = [(copy.deepcopy(value), foreign) for value, foreign in self.objects]
        return State(tuple(edit(objects)), self.environment)


def worst(context: Context) -> dict[CallName, Verdict]:
    """What becomes of the calls of each client with a proxy to each service port."""
    assert context.mesh is not None
    rank = [Verdict.WORKS, Verdict.DEPENDS, Verdict.UNKNOWN, Verdict.BROKEN]
    found: dict[CallName, Verdict] = {}
    for call in context.mesh.calls():
        if call.client.plane not in COUNTED:
            continue
        key = (str(call.client), call.service.host, call.port.number, call.subset or "")
        seen = call.delivery.verdict
        if key not in found or rank.index(seen) > rank.index(found[key]):
            found[key] = seen
    return found


def ends(context: Context) -> set[tuple[CallName, Outcome]]:
    """How calls end."""
    assert context.mesh is not None
    return {
        (
            (str(call.client), call.service.host, call.port.number, call.subset or ""),
            call.delivery.outcome,
        )
        for call in context.mesh.calls()
        if call.client.plane in COUNTED
    }


def plaintext(context: Context) -> set[CallName]:
    """The calls of clients with a proxy that arrive in plaintext somewhere."""
    assert context.mesh is not None
    return {
        (str(call.client), call.service.host, call.port.number, call.subset or "")
        for call in context.mesh.calls()
        if call.delivery.transport is Transport.PLAINTEXT
    }


class Fault(NamedTuple):
    """A repair that does not hold what it says."""

    what: str
    finding: str
    fix: str


class Tally:
    """How many repairs were tried, by rule, and those that fail."""

    def __init__(self) -> None:
        self.tried: Counter[str] = Counter()
        self.stated_nothing: Counter[str] = Counter()
        self.faults: list[Fault] = []

    def __str__(self) -> str:
        tried = ", ".join(f"{rule} {count}" for rule, count in sorted(self.tried.items()))
        return f"{sum(self.tried.values())} repairs tried ({tried}), {len(self.faults)} do not hold"


def errors(context: Context) -> dict[tuple[str, ResourceRef | None, str], str]:
    """The error findings on managed objects, one by one and before anything is folded."""
    found: dict[tuple[str, ResourceRef | None, str], str] = {}
    for rule in STATE_RULES:
        for each in rule.check(context):
            severity = each.severity or rule.severity
            if severity is Severity.ERROR and each.decided:
                ref = each.resource.ref if each.resource else None
                found[rule.id, ref, each.path] = each.message
    return found


def try_all(state: State, tally: Tally) -> None:
    """Apply every repair that is stated of a mesh, each alone."""
    context = state.context()
    before, was_plain, standing = worst(context), plaintext(context), errors(context)
    for rule in STATE_RULES:
        if rule.id not in ASKED:
            continue
        for violation in rule.check(context):
            resource = violation.resource
            if resource is None or resource.foreign or not violation.decided:
                continue
            finding = judge_one(rule.id, violation)
            about = [each for each in broken_calls(context) if is_about(each, rule.id, violation)]
            assert about or rule.id not in OF_CALLS, violation.message
            broken = {call for each in about for call in keys(each)}
            how = {each.delivery.outcome for each in about}
            for repair in stated(finding, tally):
                trial = Tried(finding, broken, how, before, was_plain, standing)
                check(state, repair, trial, tally)
    for each in itertools.islice(broken_calls(context), EXPLAINED):
        trial = Tried(None, set(), set(), before, was_plain, standing)
        try_explained(state, context, each, trial, tally)


def judge_one(rule_id: str, violation: Violation) -> Finding:
    (rule,) = [each for each in RULES if each.id == rule_id]
    assert violation.resource is not None
    return Finding(
        rule_id,
        rule.name,
        rule.severity,
        violation.message,
        violation.fix or rule.fix,
        resource=violation.resource.ref,
        path=violation.path,
    )


def stated(finding: Finding, tally: Tally) -> Iterator[Stated]:
    found = Repairs(finding).all()
    if found is None:
        tally.faults.append(Fault("is in no table", finding.message, finding.fix))
    elif not found:
        tally.stated_nothing[finding.rule] += 1
    else:
        yield from found


def is_about(broken: Broken, rule: str, violation: Violation) -> bool:
    """Whether a finding is about these calls.

    Its message names servers, too, which may be clients of other calls.
    """
    who = f"calls from {broken.clients} to ", f"calls of {broken.clients} fail"
    return (
        rule in OF_CALLS
        and broken.target == violation.key
        and any(each in violation.message for each in who)
        and (broken.delivery.outcome is Outcome.NO_CLUSTER) is (rule == "CA009")
    )


def keys(broken: Broken) -> Iterator[CallName]:
    host, port, subset = broken.call.service.host, broken.call.port.number, broken.call.subset or ""
    for group in broken.groups.values():
        for client in group.members:
            yield str(client), host, port, subset


class Tried(NamedTuple):
    """A repair on trial: what it is of, and how all was before."""

    finding: Finding | None
    broken: set[CallName]
    how: set[Outcome]
    before: dict[CallName, Verdict]
    plain: set[CallName]
    standing: dict[tuple[str, ResourceRef | None, str], str]


def check(state: State, repair: Stated, tried: Tried, tally: Tally) -> None:
    """Apply one repair, and look at calls and rules."""
    finding = tried.finding
    tally.tried[finding.rule if finding else "explain"] += 1
    about = finding.message if finding else f"calls {sorted(tried.broken)[:2]}"
    try:
        after = state.edited(repair.edit.change).context()
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        tally.faults.append(Fault(f"cannot be applied: {error!r}", about, repair.text))
        return
    now = worst(after)
    # A subset, or a port, that is gone is no call any more.
    ended = ends(after) if tried.broken else set()
    # What ends otherwise now fails for a second reason, which has a finding of its own.
    still = {call for call in tried.broken for how in tried.how if (call, how) in ended}
    for call in sorted(still)[:1]:
        tally.faults.append(Fault(f"{call} fails as before", about, repair.text))
    gone = ONCE in repair.text or WAIVED in repair.text
    for call, verdict in now.items():
        was_working = tried.before.get(call) is Verdict.WORKS
        is_named = CAUTION in repair.text or (gone and call in tried.plain)
        if verdict is Verdict.BROKEN and was_working and not is_named:
            tally.faults.append(Fault(f"{call} breaks", about, repair.text))
            break
    known = {(rule, ref) for rule, ref, _ in tried.standing}
    for (rule, ref, path), message in errors(after).items():
        if (
            # The same fault in another place of one object was there before.
            (rule, ref) not in known
            # Calls are looked at one by one; DR007 tells of another rule, which is in the way.
            and rule not in {*OF_CALLS, "DR007"}
            and repair.edit.wrote(ref, path)
            and not (WAIVED in repair.text and rule in WAIVABLE)
            and not any(rule in allowed and word in repair.text for word, allowed in SAID.items())
        ):
            tally.faults.append(Fault(f"{rule} {ref} {path}: {message}", about, repair.text))
            break


SET = re.compile(r"[Ss]et (\S+) of ([\w-]+)/([\w.-]+) to ([A-Z_]+)")


def explained_edits(repair: CallRepair) -> Iterator[Edit]:
    """The manifest of a repair, or the value that its text sets."""
    if repair.manifest:
        yield applied(yaml.safe_load(repair.manifest))
    elif found := SET.search(repair.text):
        is_rule = "tls" in found[1].lower().replace("mtls", "")
        kind = "DestinationRule" if is_rule else "PeerAuthentication"
        key = Key(kind, found[2], found[3])
        yield on(key, put(found[1], found[4]), found[1])
        if "or delete its tls" in repair.text:
            block = found[1].removesuffix(".mode")
            yield on(key, drop(block), block)


def try_explained(
    state: State, context: Context, broken: Broken, tried: Tried, tally: Tally
) -> None:
    """The repairs that `explain` states for one call."""
    assert context.mesh is not None
    if broken.expected or broken.call.led_to is not None:
        return
    client = next(next(iter(broken.groups.values())).members)
    view = View(None, context.mesh, lambda _resource, _path: None)
    own = {each for each in keys(broken) if each[0] == str(client)}
    if not own <= {call for call, verdict in tried.before.items() if verdict is Verdict.BROKEN}:
        return
    for told in explanations(view, client, broken.call.service, broken.call.port):
        if (
            told.case.policy.subset != broken.call.subset
            or told.case.service is not broken.call.service
        ):
            continue
        for repair in told.repairs:
            edits = list(explained_edits(repair))
            text = f"{repair.text} {WAIVED}" if "must stay outside" in repair.text else repair.text
            for edit in edits:
                trial = tried._replace(broken=own, how={broken.delivery.outcome})
                check(state, Stated(text, edit), trial, tally)
