"""Identities with which to try a rule, so that what holds of them holds of all it matches."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from meshgate.mesh import Mesh
from meshgate.mesh.authorization import identity_of
from meshgate.mesh.authorization.attributes import Kind
from meshgate.mesh.authorization.identities import trust_domain_of
from meshgate.mesh.authorization.matchers import Form, Matcher, PatternMatcher, TextMatcher
from meshgate.mesh.authorization.rule_sets import RuleSet
from meshgate.mesh.authorization.terms import Entry, ProxyRule, Term

# No namespace and no account has this name: it stands for those that no file names.
OTHER = "?"
_NAMESPACE = re.compile(r"(?:\.\*|\[\^/\]\*)/ns/((?:[A-Za-z0-9_]|\\.)+)/(?:\.\*|sa/\[\^/\]\*)")
_ACCOUNT = re.compile(r"\[\^/\]\+/ns/((?:[A-Za-z0-9_]|\\.)+)/sa/((?:[^*]|\\.)+)")


def identity_terms(entries: Iterable[Entry]) -> Iterator[Term]:
    """The terms of some entries that ask for an identity."""
    for entry in entries:
        for term in entry:
            if term.attribute.kind is Kind.IDENTITY:
                yield term


def tried(mesh: Mesh, rules: RuleSet, rule: ProxyRule) -> list[str | None] | None:
    """Identities of which every client that a rule matches has one's like; None: not known.

    What other rules of the same server name are among them, no identity, and one that no file
    names.
    """
    found: dict[str | None, None] = {}
    domains = mesh.authorization.domains.names
    for term in identity_terms((*rule.sources, rule.conditions)):
        for matcher in term.matchers:
            own = likely(matcher, domains)
            if own is None and not term.negated:
                return None
            found.update(dict.fromkeys(own or ()))
    found |= {None: None, mesh.admissions.stranger: None}
    for known in mesh.admissions.named(rules):
        for domain in domains:
            found[domain + known[len(trust_domain_of(known)) :]] = None
    return list(found)


def likely(matcher: Matcher, domains: Iterable[str]) -> list[str] | None:
    """Identities that a matcher matches and no file names; None: its form is not foreseen."""
    if isinstance(matcher, TextMatcher):
        return _of_text(matcher)
    if isinstance(matcher, PatternMatcher):
        parts = _ACCOUNT.fullmatch(matcher.pattern) or _NAMESPACE.fullmatch(matcher.pattern)
        if parts:
            names = [re.sub(r"\\(.)", r"\1", part) for part in parts.groups()]
            return [identity_of(domain, names[0], (*names, OTHER)[1]) for domain in domains]
    return None


def _of_text(matcher: TextMatcher) -> list[str] | None:
    match matcher.form:
        case Form.EXACT:
            return [matcher.text]
        case Form.PREFIX:
            return [_completed(matcher.text)]
        case Form.SUFFIX:
            return None
        case _:
            return []


def _completed(prefix: str) -> str:
    """An identity that begins so and goes on as none that is known."""
    parts = prefix.split("/")
    rest = ["ns", OTHER, "sa", OTHER][len(parts) - 1 :] if len(parts) > 1 else None
    if rest is None:
        return f"{prefix}{OTHER}/ns/{OTHER}/sa/{OTHER}"
    return "/".join([*parts[:-1], parts[-1] + OTHER, *rest])
