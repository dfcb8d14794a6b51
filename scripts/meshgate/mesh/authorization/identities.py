"""Identities: what principals, namespaces, service accounts and trust domains match.

An identity is the text `TD/ns/NS/sa/SA`, which a client certificate holds after `spiffe://`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from meshgate.mesh.authorization.matchers import (
    Form,
    Matcher,
    PatternMatcher,
    TextMatcher,
    text_matcher,
)

_CLUSTER_LOCAL = "cluster.local"
# Parts of a whole identity, the only ones in which trust domains are replaced.
_PARTS = 5


def identity_of(trust_domain: str, namespace: str, service_account: str) -> str:
    """The identity of a service account."""
    return f"{trust_domain}/ns/{namespace}/sa/{service_account}"


def trust_domain_of(identity: str) -> str:
    """The trust domain of an identity."""
    return identity.partition("/")[0]


class TrustDomains(Struct, frozen=True):
    """The trust domain of a mesh and its aliases (trustdomain.Bundle)."""

    names: tuple[str, ...]

    def trusts(self, identity: str) -> bool:
        """Whether servers accept a certificate with this identity."""
        return trust_domain_of(identity) in self.names

    def principals(self, value: str) -> tuple[str, ...]:
        """All principals that one stands for (ReplaceTrustDomainAliases)."""
        parts = value.split("/")
        domain = parts[0]
        if len(parts) != _PARTS or domain == "*":
            return (value,)
        if domain != _CLUSTER_LOCAL and not any(_related(domain, name) for name in self.names):
            return (value,)
        rest = value[len(domain) :]
        replaced = (
            value if domain.startswith("*") and name.endswith(domain[1:]) else name + rest
            for name in self.names
        )
        return tuple(dict.fromkeys(replaced))

    def aliases(self, value: str) -> tuple[str, ...]:
        """All trust domains that one stands for; patterns stand for themselves."""
        return self.names if value in self.names else (value,)


def principal_matcher(value: str) -> Matcher:
    """`principals`: the whole identity as a text."""
    return text_matcher(value, Form.PRESENT)


def namespace_matcher(value: str) -> Matcher:
    """`namespaces`: every `*` is any text, slashes too (srcNamespaceGenerator)."""
    inner = ".*".join(map(re.escape, value.split("*")))
    return PatternMatcher(f".*/ns/{inner}/.*")


def service_account_matcher(value: str, namespace: str) -> Matcher:
    """`serviceAccounts`: NS/SA or SA, which is one of the policy's own namespace."""
    own, slash, account = value.rpartition("/")
    whole = f"/ns/{own if slash else namespace}/sa/{account}"
    return PatternMatcher(f"[^/]+{re.escape(whole)}")


def trust_domain_matcher(value: str) -> Matcher:
    """`trustDomains`: a text on the trust domain; a whole one may reach behind a slash."""
    matcher = text_matcher(value, Form.PRESENT)
    text = re.escape(matcher.text)
    match matcher.form:
        case Form.PREFIX:
            return PatternMatcher(f"{text}[^/]*/.*")
        case Form.SUFFIX:
            return PatternMatcher(f"[^/]*{text}/.*")
        case Form.EXACT:
            return TextMatcher(Form.PREFIX, f"{value}/")
        case _:
            return matcher


def _related(domain: str, name: str) -> bool:
    """Whether one of two trust domains covers the other (stringMatch)."""
    return any(text_matcher(a).fits(b) for a, b in _both(domain, name))


def _both(first: str, second: str) -> Iterator[tuple[str, str]]:
    yield first, second
    yield second, first
