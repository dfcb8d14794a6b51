"""A RequestAuthentication writes a token over a header that others go by.

What it checks
    `outputPayloadToHeader` and the headers of `outputClaimToHeaders` against headers that proxies,
    routes and policies read as something else: `host` and what begins with `:`, `authorization`,
    `cookie`, and `x-forwarded-…`, `x-envoy-…` and `x-b3-…`.

    ```yaml
    kind: RequestAuthentication
    spec:
      jwtRules:
        - issuer: https://issuer.example
          outputPayloadToHeader: x-forwarded-for     # and remote.ip is what the token says
    ```

Why it matters
    Tokens are verified before policies of authorization are asked and before routes are chosen.
    Who may put a claim into a token then chooses the host, the address or the credential that these
    go by.

How to fix
    Write to a header of your own, such as `x-jwt-payload`.

Known gaps
    Headers that only the application reads are not known.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import JSON, Resource, Severity, join_path
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

TAKEN = frozenset({"host", "authorization", "cookie"})
PREFIXES = (":", "x-forwarded-", "x-envoy-", "x-b3-")


def check(context: Context) -> Iterator[Violation]:
    for resource in context.resources.of("RequestAuthentication"):
        for path, header in outputs(resource):
            name = header.lower()
            if name in TAKEN or name.startswith(PREFIXES):
                yield Violation(
                    resource,
                    path,
                    f"a token is written over the header `{header}`, which proxies, routes or "
                    "policies go by",
                )


def outputs(resource: Resource) -> Iterator[tuple[str, str]]:
    """The headers that tokens are written to, each with its place."""
    rules: JSON = resource.spec.get("jwtRules")
    for number, rule in enumerate(rules if isinstance(rules, list) else ()):
        if not isinstance(rule, dict):
            continue
        if rule.get("outputPayloadToHeader"):
            path = join_path("spec", "jwtRules", number, "outputPayloadToHeader")
            yield path, str(rule["outputPayloadToHeader"])
        claims: JSON = rule.get("outputClaimToHeaders")
        for place, claim in enumerate(claims if isinstance(claims, list) else ()):
            if isinstance(claim, dict) and claim.get("header"):
                path = join_path(
                    "spec", "jwtRules", number, "outputClaimToHeaders", place, "header"
                )
                yield path, str(claim["header"])


RULE = Rule(
    id="AZ017",
    name="claim-over-request-header",
    severity=Severity.ERROR,
    summary="A RequestAuthentication writes a token over a header that others go by.",
    fix="write x-jwt-payload",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    kinds=frozenset({"RequestAuthentication"}),
    check=check,
)
