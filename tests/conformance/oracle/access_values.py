"""Values that random policies name: identities, addresses, paths, hosts, tokens, near misses."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from conformance.oracle.access_requests import (
    AGENTS,
    GROUPS,
    ISSUERS,
    METHODS,
    PATHS,
    SCOPES,
    STRANGE_ISSUER,
    SUBJECTS,
    TEAMS,
    URL_CLAIM,
)
from meshgate.model import JSONObject

_TEMPLATES = (
    "/orders/{*}",
    "/orders/{*}/items",
    "/orders/{**}",
    "/{*}/users",
    "/{**}/x.json",
    "/files/{*}/b/{**}",
    "/orders/{**}/",
)


class AccessMesh(Protocol):
    """What policies are added to."""

    rng: random.Random
    ambient: bool
    root: str
    facts: JSONObject
    splits: dict[str, bool]
    namespaces: list[str]
    workloads: list[JSONObject]

    def chance(self, share: float) -> bool: ...

    def add(
        self,
        version: str,
        kind: str,
        namespace: str,
        name: str,
        spec: JSONObject | None,
        **metadata: JSONObject,
    ) -> JSONObject: ...


@dataclass(frozen=True)
class Vocabulary:
    """The values that policies of a mesh are made of."""

    domains: Sequence[str]
    namespaces: Sequence[str]
    accounts: Sequence[tuple[str, str]]
    addresses: Sequence[str]
    ports: Sequence[int]
    hosts: Sequence[str]
    labels: Sequence[JSONObject]

    @classmethod
    def of(
        cls, workloads: Sequence[JSONObject], namespaces: Sequence[str], facts: JSONObject
    ) -> Vocabulary:
        """The values that a mesh has, and some beside them."""
        domain = facts["clusterDomain"]
        return cls(
            domains=[facts["trustDomain"], *facts.get("trustDomainAliases", ()), "cluster.local"],
            namespaces=[*namespaces, "nobody"],
            accounts=[(each["namespace"], each["serviceAccount"]) for each in workloads],
            addresses=[each["ip"] for each in workloads],
            ports=[port["port"] for each in workloads for port in each["ports"]],
            hosts=[f"{each['name']}.{each['namespace']}.svc.{domain}" for each in workloads],
            labels=[each["labels"] for each in workloads],
        )


class RandomValues:
    """Random values of each field."""

    def __init__(self, rng: random.Random, words: Vocabulary) -> None:
        self.rng = rng
        self.words = words

    def pattern(self, text: str) -> str:
        """A text as it is, or cut to a prefix or a suffix; seldom another use of `*`."""
        form = self.rng.random()
        if form < 0.5 or len(text) < 2:
            return text
        cut = self.rng.randrange(1, len(text))
        if form < 0.7:
            return f"{text[:cut]}*"
        if form < 0.9:
            return f"*{text[cut:]}"
        if form < 0.94:
            return "*"
        return f"{text[:cut]}*{text[cut:]}" if form < 0.97 else f"*{text[cut:]}*"

    def principal(self) -> str:
        place, account = self.rng.choice(self.words.accounts)
        text = f"{self.rng.choice(self.words.domains)}/ns/{place}/sa/{account}"
        form = self.rng.random()
        if form < 0.06:
            return f"spiffe://{text}"
        if form < 0.16:
            return f"*/ns/{place}/sa/{account}"
        if form < 0.22:
            return f"{text.rpartition('/')[0]}/*"
        return text if form < 0.6 else self.pattern(text)

    def namespace(self) -> str:
        return self.pattern(self.rng.choice(self.words.namespaces))

    def account(self) -> str:
        place, account = self.rng.choice(self.words.accounts)
        return account if self.rng.random() < 0.4 else f"{place}/{account}"

    def trust_domain(self) -> str:
        return self.pattern(self.rng.choice([*self.words.domains, "stranger.example"]))

    def block(self) -> str:
        address = self.rng.choice([*self.words.addresses, "192.0.2.7"])
        bits = self.rng.choice((None, None, 32, 31, 24, 16, 8, 0))
        if self.rng.random() < 0.05:
            return self.rng.choice(("2001:db8::/32", "::/0"))
        return address if bits is None else f"{address}/{bits}"

    def port(self) -> str:
        return str(self.rng.choice([*self.words.ports, 80, 7777]))

    def host(self) -> str:
        host = self.rng.choice([*self.words.hosts, "www.example.com", "api.eu.example.com"])
        form = self.rng.random()
        if form < 0.15:
            return host.partition(".")[0]
        if form < 0.25:
            return f"{host}:80"
        if form < 0.35:
            return host.title()
        return self.pattern(host)

    def method(self) -> str:
        return self.pattern(self.rng.choice(METHODS))

    def path(self) -> str:
        if self.rng.random() < 0.25:
            return self.rng.choice(_TEMPLATES)
        return self.pattern(self.rng.choice(PATHS))

    def request_principal(self) -> str:
        issuer = self.rng.choice((*ISSUERS, STRANGE_ISSUER))
        text = f"{issuer}/{self.rng.choice(SUBJECTS)}"
        form = self.rng.random()
        if form < 0.1:
            return f"{issuer}/*"
        if form < 0.2:
            return f"*/{text.rpartition('/')[2]}"
        return text if form < 0.5 else self.pattern(text)

    def sni(self) -> str:
        host = self.rng.choice(self.words.hosts)
        return self.pattern(f"outbound_.{self.rng.choice((80, 81, 443, 8080))}_._.{host}")

    def of(self, choices: Sequence[str]) -> Callable[[], str]:
        return lambda: self.pattern(self.rng.choice(choices))

    def many(self, one: Callable[[], str]) -> list[str]:
        """One to three values, all different."""
        count = self.rng.choice((1, 1, 2, 3))
        return list(dict.fromkeys(value for _ in range(count) if (value := one())))

    @property
    def sources(self) -> dict[str, Callable[[], str]]:
        return {
            "principals": self.principal,
            "namespaces": self.namespace,
            "serviceAccounts": self.account,
            "trustDomains": self.trust_domain,
            "ipBlocks": self.block,
            "remoteIpBlocks": self.block,
            "requestPrincipals": self.request_principal,
        }

    @property
    def operations(self) -> dict[str, Callable[[], str]]:
        return {
            "hosts": self.host,
            "ports": self.port,
            "methods": self.method,
            "paths": self.path,
        }

    @property
    def conditions(self) -> dict[str, Callable[[], str]]:
        return {
            "source.ip": self.block,
            "source.namespace": self.namespace,
            "source.principal": self.principal,
            "source.serviceAccount": self.account,
            "source.trustDomain": self.trust_domain,
            "remote.ip": self.block,
            "destination.ip": self.block,
            "destination.port": self.port,
            "connection.sni": self.sni,
            "request.headers[X-Team]": self.of(TEAMS),
            "request.headers[user-agent]": self.of([each for each in AGENTS if each]),
            "request.headers[:method]": self.method,
            "request.headers[:path]": self.of(PATHS),
            "request.headers[:authority]": self.host,
            "request.headersx[a]": self.of(TEAMS),
            "request.auth.principal": self.request_principal,
            "request.auth.audiences": self.of(("web", "app")),
            "request.auth.presenter": self.of(("portal", "portal-2")),
            "request.auth.claims[groups]": self.of(GROUPS),
            "request.auth.claims[scope]": self.of(SCOPES),
            "request.auth.claims[perms]": self.of(("a", "a b")),
            "request.auth.claims[realm][roles]": self.of(("admin",)),
            f"request.auth.claims[{URL_CLAIM}]": self.of(("admin", "user")),
            "request.auth.claims[sub]": self.of(SUBJECTS),
            "experimental.envoy.filters.http.dynamic[key]": self.of(("a", "[a]")),
        }
