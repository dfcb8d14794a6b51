"""What a change does to the calls of one service port."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct, structs

from meshgate.effect.access import differences, example
from meshgate.effect.changes import (
    NEW_CLIENT,
    NEW_ROUTES,
    OLD_CLIENT,
    OLD_ROUTES,
    CallChange,
    CallState,
    EndpointName,
    Unsafe,
)
from meshgate.effect.clients import Calls, Clients
from meshgate.effect.verdicts import (
    APPLICATION,
    Change,
    Judgement,
    answers,
    call_verdict,
    judged,
    may_work,
    mixes,
)
from meshgate.mesh import CallClass, Delivery, Endpoint, Mesh, Outcome, Tls, Verdict
from meshgate.model import Resource

# The subset, and the endpoint; None: there is none.
Route = tuple[str | None, EndpointName | None]


class SentCall(Struct, frozen=True):
    """What one endpoint gets; `call` None: no rule applies, the host is not known."""

    call: CallClass | None
    delivery: Delivery


class CallComparison(Struct, frozen=True):
    """Clients and a service port; `counts`: somebody relies on their calls to it.

    `rerouted` says of what is sent whether a route alone begins or ends it: that is reported by the
    host that the client means, not here.
    """

    clients: Clients
    host: str
    port: int
    counts: bool
    before: Mesh
    after: Mesh
    rerouted: Callable[[SentCall], bool]

    def changes(self, before: Calls, after: Calls) -> Iterator[CallChange | Unsafe]:
        """All that changes between what these clients call before and after."""
        for old, new in pairs(before, after):
            yield from self._compared(old, new)

    def _compared(
        self, old: SentCall | None, new: SentCall | None
    ) -> Iterator[CallChange | Unsafe]:
        if old is not None and new is not None:
            for here, there, mesh, change in (
                (old, new, self.after, Change.LED_AWAY),
                (new, old, self.before, Change.APPEARS),
            ):
                if _leaves(here, there) and may_work(here.delivery) and _is_in(mesh, here):
                    yield self._change(old, new, Judgement(change, decided=True))
                    return
            # What is passed through is no call of this host: it is gone, or was not there.
            passed = _leaves(new, old), _leaves(old, new)
            old, new = (None if passed[0] else old), (None if passed[1] else new)
        judgement = self._judged(old, new)
        is_elsewhere = all(self.rerouted(sent) for sent in (old, new) if sent is not None)
        if judgement is not None and not is_elsewhere:
            yield self._change(old, new, judgement)
        if old is not None and new is not None:
            yield from self._access(old, new)
            yield from self._mixed(old, new)

    def _change(
        self, old: SentCall | None, new: SentCall | None, judgement: Judgement
    ) -> CallChange:
        change = judgement.change
        if change is Change.BREAKS and not self.counts:
            change = Change.SHUT_OUT
        return CallChange(
            self.clients,
            self.host,
            self.port,
            state(old),
            state(new),
            change,
            self.counts,
            judgement.decided,
            judgement.reason,
            service_of(old, new),
            None,
            *(example(old.delivery, new.delivery) if old and new else ()),
        )

    def _access(self, old: SentCall, new: SentCall) -> Iterator[CallChange]:
        """The requests that policies treat otherwise, of a call that gets in on both sides."""
        for difference in differences(old.delivery, new.delivery, self.before, self.after):
            decided = Judgement(difference.change, not difference.reason, difference.reason)
            changed = self._change(old, new, decided)
            yield structs.replace(changed, witness=difference.witness, requests=difference.requests)

    def _judged(self, old: SentCall | None, new: SentCall | None) -> Judgement | None:
        if old is None or new is None:
            only = old or new
            # What is only new, or gone, and finds nothing there is no call.
            if only is None or only.delivery.outcome is Outcome.NO_ENDPOINT:
                return None
            return Judgement(Change.VANISHES if new is None else Change.APPEARS, decided=True)
        if _is_gone(old, new, self.after):
            return Judgement(Change.VANISHES, decided=True)
        is_new_port = old.call is None and old.delivery.outcome is Outcome.NO_ENDPOINT
        if is_new_port or _is_gone(new, old, self.before):
            return Judgement(Change.APPEARS, decided=True)
        judgement = judged(old.delivery, new.delivery)
        if (
            judgement is None
            and old.delivery.outcome is Outcome.UNKNOWN
            and _content(old) != _content(new)
        ):
            return Judgement(Change.UNKNOWN, decided=False, reason=new.delivery.reason)
        return judgement

    def _mixed(self, old: SentCall, new: SentCall) -> Iterator[Unsafe]:
        """The combinations of an old and a new proxy that fail though both states work."""
        known: dict[tuple[str, Outcome], Unsafe] = {}
        for first, second in mixes(old.delivery, new.delivery):
            certain = not any(_is_open(each.delivery) for each in (old, new))
            certain = certain and {call_verdict(first), call_verdict(second)} == {Verdict.WORKS}
            for combination, sent, mesh, end in (
                (OLD_CLIENT, first, self.after, second.endpoint),
                (NEW_CLIENT, second, self.before, first.endpoint),
            ):
                if end is None:
                    continue
                taken = mesh.take(self.host, self.port, end, sent)
                taken = mesh.admitted(next(self.clients.members), taken)
                for unsafe in self._failing(combination, taken, (old, new), certain=certain):
                    key = combination, unsafe.outcome
                    if key not in known or unsafe.decided:
                        known[key] = unsafe
        yield from known.values()
        if {call_verdict(old.delivery), call_verdict(new.delivery)} == {Verdict.WORKS}:
            yield from self._between_updates(old, new)

    def _between_updates(self, old: SentCall, new: SentCall) -> Iterator[Unsafe]:
        """The routes of one side that meet the clusters of the other in one and the same proxy.

        istiod pushes clusters before routes, so a subset that goes is gone before its route. One
        that comes is there first only where both objects are in one push, which nobody promises.
        """
        for combination, routes, clusters in (
            (NEW_ROUTES, new.call, old.call),
            (OLD_ROUTES, old.call, new.call),
        ):
            if routes is None or clusters is None or routes.subset in {None, clusters.subset}:
                continue
            if not defines(clusters, str(routes.subset)):
                lost = old.delivery._replace(
                    transport=None, mode=None, outcome=Outcome.NO_CLUSTER, alternatives=()
                )
                yield from self._failing(combination, lost, (old, new), certain=True)

    def _failing(
        self, combination: str, taken: Delivery, both: tuple[SentCall, SentCall], *, certain: bool
    ) -> Iterator[Unsafe]:
        answered = [(each, call_verdict(each)) for each in answers(taken)]
        certain = certain and all(verdict is Verdict.BROKEN for _, verdict in answered)
        for each, verdict in answered:
            if verdict in {Verdict.BROKEN, Verdict.UNKNOWN}:
                before, after = state(both[0]), state(both[1])
                assert before is not None
                assert after is not None
                yield Unsafe(
                    self.clients,
                    self.host,
                    self.port,
                    before,
                    after,
                    combination,
                    each.outcome,
                    each.transport,
                    each.mode,
                    self.counts,
                    certain,
                    "" if certain else _why(taken, both[1].delivery, both[0].delivery),
                    service_of(*both),
                )


def _why(*deliveries: Delivery) -> str:
    return next((each.reason for each in deliveries if each.reason), APPLICATION)


def _is_open(delivery: Delivery) -> bool:
    """Whether files leave open how a call ends, or who may refuse it."""
    return bool(delivery.alternatives) or delivery.on_wire is not None


def defines(call: CallClass, subset: str) -> bool:
    """Whether the rule of these clients has a subset, in every order of creation."""
    return bool(call.choices) and all(
        choice.entry is not None and any(each.name == subset for each in choice.entry.subsets)
        for choice in call.choices
    )


def _is_gone(here: SentCall, there: SentCall, mesh: Mesh) -> bool:
    """Whether a call ends nowhere there since its workload is not there at all."""
    if there.delivery.outcome is not Outcome.NO_ENDPOINT or here.delivery.endpoint is None:
        return False
    return _is_gone_from(mesh, here.delivery.endpoint)


def _is_in(mesh: Mesh, sent: SentCall) -> bool:
    """Whether the workload that a call ends at is in the other mesh, too."""
    endpoint = sent.delivery.endpoint
    return endpoint is not None and not _is_gone_from(mesh, endpoint)


def _is_gone_from(mesh: Mesh, endpoint: Endpoint) -> bool:
    workload = endpoint.workload
    if workload is None:
        return False
    try:
        mesh.workload(workload.namespace, workload.name, workload.kind)
    except LookupError:
        return True
    return False


def fingerprint(calls: Calls) -> tuple[object, ...]:
    """Equal on both sides for calls of which nothing changes."""
    return (
        *((call.subset, *map(_print, call.deliveries), *_open(call)) for call in calls.classes),
        *((None, _print(delivery)) for delivery in calls.unseen),
    )


def _print(delivery: Delivery) -> tuple[object, ...]:
    parts: tuple[object, ...] = (place(delivery.endpoint), *delivery[1:5], *delivery[6:])
    if delivery.alternatives:
        parts = (*parts, *map(_print, delivery.alternatives))
    return parts


def _open(call: CallClass) -> tuple[object, ...]:
    """What decides calls of which nothing is known."""
    unknown = next((each for each in call.deliveries if each.outcome is Outcome.UNKNOWN), None)
    return () if unknown is None else _content(SentCall(call, unknown))


def pairs(before: Calls, after: Calls) -> Iterator[tuple[SentCall | None, SentCall | None]]:
    """The same calls on both sides; None: not made there."""
    was, will = _routes(before), _routes(after)
    if _ends_nowhere(after):
        nowhere = SentCall(None, after.unseen[0])
        for sent in was.values():
            yield sent, nowhere
    elif _ends_nowhere(before):
        nowhere = SentCall(None, before.unseen[0])
        for sent in will.values():
            yield nowhere, sent
    else:
        for old, new in matched(list(was), list(will)):
            yield was.get(old), will.get(new)


def _routes(calls: Calls) -> dict[Route | None, SentCall]:
    """What some clients send to each endpoint of each subset."""
    by_route: dict[Route | None, SentCall] = {}
    for call in calls.classes:
        for delivery in call.deliveries:
            by_route.setdefault((call.subset, place(delivery.endpoint)), SentCall(call, delivery))
    for delivery in calls.unseen:
        by_route.setdefault((None, place(delivery.endpoint)), SentCall(None, delivery))
    return by_route


def _ends_nowhere(calls: Calls) -> bool:
    """Whether all calls to the host end in one way, whatever stands behind it."""
    return bool(calls.unseen) and calls.unseen[0].endpoint is None


def _leaves(here: SentCall, there: SentCall) -> bool:
    """Whether a call that ends in the mesh here is passed through there, out of it."""
    outside = Outcome.EXTERNAL
    is_passed = there.call is None and there.delivery.by_transport is outside
    return is_passed and here.delivery.by_transport is not outside


def matched(
    before: Sequence[Route | None], after: Sequence[Route | None]
) -> Iterator[tuple[Route | None, Route | None]]:
    """The routes of one call on both sides; None: it is not made there.

    A call is the same by subset and endpoint; else where its subset has lost, or not yet found,
    all endpoints; else by its workload, which another subset or port may reach.
    """
    had, has = set(before), set(after)
    yield from ((route, route) for route in before if route in has)
    old = [route for route in before if route not in has]
    new = [route for route in after if route not in had]
    for same in (_same_subset, _same_workload):
        couples = [(was, will) for was in old for will in new if was and will and same(was, will)]
        yield from couples
        used = {each for pair in couples for each in pair}
        old = [route for route in old if route not in used]
        new = [route for route in new if route not in used]
    yield from ((route, None) for route in old)
    yield from ((None, route) for route in new)


def _same_subset(was: Route, will: Route) -> bool:
    """Whether a subset has all its endpoints on one side only."""
    return was[0] == will[0] and (was[1] is None) is not (will[1] is None)


def _same_workload(was: Route, will: Route) -> bool:
    return was[1] is not None and will[1] is not None and was[1][:4] == will[1][:4]


def alike(was: Route, will: Route) -> bool:
    """Whether two routes are the same call though they are written otherwise."""
    return _same_subset(was, will) or _same_workload(was, will)


def place(endpoint: Endpoint | None) -> EndpointName | None:
    """The name of an endpoint in both meshes."""
    if endpoint is None:
        return None
    workload = endpoint.workload
    if workload is None:
        return EndpointName(endpoint.namespace, None, "", endpoint.address, endpoint.port)
    return EndpointName(workload.namespace, workload.name, workload.kind, None, endpoint.port)


def state(sent: SentCall | None) -> CallState | None:
    """One side of a call as reports tell it."""
    if sent is None:
        return None
    delivery = sent.delivery
    policy = sent.call.policy if sent.call is not None else None
    return CallState(
        delivery.outcome,
        delivery.transport,
        call_verdict(delivery),
        policy.tls if policy is not None else Tls.NONE,
        delivery.mode,
        policy.rules if policy is not None else (),
        sent.call.subset if sent.call is not None else None,
        place(delivery.endpoint),
        delivery.reason,
        tuple(dict.fromkeys(each.outcome for each in delivery.alternatives)),
        delivery.admission,
        delivery.blocking,
    )


def _content(sent: SentCall) -> tuple[object, ...]:
    """What decides a call whose outcome is not known."""
    policy = sent.call.policy if sent.call is not None else None
    # A server may give an object in another version of its group than the one it was written in.
    rules = tuple((rule.namespace, rule.name) for rule in policy.rules) if policy else ()
    tls = policy.tls if policy is not None else None
    return sent.delivery.mode, tls, rules, sent.delivery.admission


def service_of(old: SentCall | None, new: SentCall | None) -> Resource | None:
    """The Service or ServiceEntry that is called, as it is afterwards."""
    for sent in (new, old):
        if sent is not None and sent.call is not None:
            return sent.call.service.resource
    return None
