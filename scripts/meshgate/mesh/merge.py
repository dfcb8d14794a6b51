"""How Istio merges DestinationRules that have one host in one namespace."""

from __future__ import annotations

from collections.abc import Iterable

from meshgate.mesh.destination_rule import Rule
from meshgate.mesh.selectors import Labels
from meshgate.mesh.traffic_policy import Resolved, Subset, TrafficPolicy


class Entry:
    """One merged rule (ConsolidatedDestRule): what the first rule says, filled up by later ones."""

    __slots__ = ("export_to", "namespace", "policy", "resolved", "rules", "selector", "subsets")

    def __init__(self, rule: Rule) -> None:
        self.namespace = rule.namespace
        self.export_to = rule.export_to
        self.selector: Labels | None = rule.selector
        # In merge order; a rule is listed even if nothing of it survived.
        self.rules: list[Rule] = [rule]
        self.policy: TrafficPolicy | None = rule.policy
        self.subsets: list[Subset] = list(rule.subsets)
        # Filled by the resolver: meanings by service port and subset.
        self.resolved: dict[tuple[int, str | None], Resolved] = {}

    def absorb(self, rule: Rule) -> None:
        """Add a later rule: its unknown subsets, and its policy only where there is none yet."""
        self.rules.append(rule)
        known = {subset.name for subset in self.subsets}
        for subset in rule.subsets:
            if subset.name not in known:
                known.add(subset.name)
                self.subsets.append(subset)
        if self.policy is None:
            self.policy = rule.policy

    def seen_from(self, namespace: str) -> bool:
        """Whether clients of another namespace get it."""
        return not self.export_to or "*" in self.export_to or namespace in self.export_to

    @property
    def meaning(self) -> object:
        """Equal for entries that no client can tell apart, whatever the order of their rules."""
        return (
            self.export_to,
            None if self.selector is None else tuple(sorted(self.selector.items())),
            self.policy,
            tuple(
                sorted(
                    (subset.name, tuple(sorted(subset.labels.items())), repr(subset.policy))
                    for subset in self.subsets
                )
            ),
        )


def merge(rules: Iterable[Rule]) -> tuple[Entry, ...]:
    """The entries that rules of one host become, in Istio's order (mergeDestinationRule).

    The rules come with selectors first, then by age. Each rule is offered to every entry so far;
    the last of them decides whether the rule also stands alone.
    """
    entries: list[Entry] = []
    for rule in rules:
        alone = True
        for entry in entries:
            alone = _offer(entry, rule)
        if alone:
            entries.append(Entry(rule))
    return tuple(entries)


def _offer(entry: Entry, rule: Rule) -> bool:
    """Merge the rule into the entry where Istio does; whether it must also stand alone."""
    same = rule.export_to == entry.export_to
    if not same and not (entry.export_to and rule.export_to >= entry.export_to):
        return True
    selecting = rule.selector is not None, entry.selector is not None
    if selecting == (True, True) and rule.selector != entry.selector:
        return True
    entry.absorb(rule)
    both_alike = selecting[0] == selecting[1]
    return not (same or both_alike)
