"""A value of a policy of authorization that Istio reads otherwise than it looks.

What it checks
    - a `*` inside of a value, where it is a letter: only one at the start or the end means
      anything, and one at the start wins (`methods`, `paths`, `hosts`, headers, claims,
      principals);
    - `namespaces` that end in `a` or `sa` behind a `*`, which runs over slashes: `*a` matches every
      namespace, for each identity goes on with `/sa/`;
    - principals that begin with `spiffe://`, which is not a part of what is compared;
    - `source.trustDomain` with a slash in `when`, which selects by namespace;
    - keys like `request.headersx[a]` or `request.headers.a[b]`: the webhook lets them pass, and the
      generator drops the whole ALLOW rule, and of other rules the condition.

    ```yaml
    - from: [{source: {namespaces: ["*a"]}}]          # every namespace of the mesh
      to: [{operation: {paths: ["/v*/orders"]}}]      # the path /v*/orders, with a star
    ```

Why it matters
    The policy is accepted, its status is fine, and it lets in everybody or nobody.

How to fix
    The fix names what does what was probably meant.

Known gaps
    At ztunnel `namespaces` are compared by themselves, so that `*a` is what it looks like there.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import DataPlane
from meshgate.mesh.authorization import Action, AuthorizationPolicy, identity_of
from meshgate.mesh.authorization.identities import namespace_matcher
from meshgate.mesh.authorization.paths import is_template
from meshgate.mesh.authorization.policy_values import PolicyValue, policy_values
from meshgate.mesh.authorization.proxy_rules import malformed_keys
from meshgate.model import Severity
from meshgate.rules import policy_places
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

SPIFFE = "spiffe://"
# Part of no name that is given here.
OTHER = "?"
TEXTS = frozenset(
    {
        "methods",
        "paths",
        "hosts",
        "source.principal",
        "request.auth.principal",
        "request.auth.audiences",
        "request.auth.presenter",
        "connection.sni",
    }
)
PREFIXES = ("request.headers", "request.auth.claims")


def check(context: Context) -> Iterator[Violation]:
    places = policy_places.of(context)
    for policy in policy_places.policies(context):
        planes = (
            {each.plane for place in places.of(policy) for each in place.workloads}
            if places is not None
            else set()
        )
        for value in policy_values(policy):
            violation = _namespace(policy, value) if planes != {DataPlane.AMBIENT} else None
            violation = violation or _spiffe(policy, value) or _domain(policy, value)
            violation = violation or _inner(policy, value)
            if violation is not None:
                yield violation
        yield from _keys(policy)


def _inner(policy: AuthorizationPolicy, value: PolicyValue) -> Violation | None:
    """A star that is a letter."""
    text = value.value
    if value.key not in TEXTS and not value.key.startswith(PREFIXES):
        return None
    rest = text[1:] if text.startswith("*") else text.removesuffix("*")
    if "*" not in rest or (value.key == "paths" and is_template(text)):
        return None
    if value.key == "request.auth.principal" and "/" not in text:
        return None
    fix = "leave one `*`, at the start or at the end"
    if value.key == "paths" and text.startswith("/") and "**" not in text:
        fix = f"write {_template(text)}, a path template"
    return Violation(
        policy.resource,
        value.path,
        f"`{text}`: a `*` means anything at one end only, and this one stands for itself",
        fix=fix,
    )


def _template(path: str) -> str:
    """The path template that was meant: one segment for each star, the rest for the last one."""
    *inner, last = path.split("/")
    segments = ["{*}" if "*" in segment else segment for segment in inner]
    return "/".join([*segments, "{**}" if last == "*" else "{*}" if "*" in last else last])


def _namespace(policy: AuthorizationPolicy, value: PolicyValue) -> Violation | None:
    """A star in a namespace, which runs over slashes."""
    text = value.value
    head, star, tail = text.rpartition("*")
    if value.key != "source.namespace" or not star or not tail:
        return None
    # The namespace that is meant without its end, and behind it `/sa/`, as in every identity.
    other = f"{head.replace('*', OTHER)}{OTHER}"
    identity = identity_of("cluster.local", other, OTHER)
    if not namespace_matcher(text).matches(identity) or other.endswith(tail):
        return None
    return Violation(
        policy.resource,
        value.path,
        f"`{text}`: the `*` runs over slashes to the `/sa/` behind the namespace, and so it "
        "matches " + (f"every namespace that begins with `{head}`" if head else "every namespace"),
        fix="list the namespaces by name",
    )


def _spiffe(policy: AuthorizationPolicy, value: PolicyValue) -> Violation | None:
    if value.key != "source.principal" or not value.value.startswith(SPIFFE):
        return None
    return Violation(
        policy.resource,
        value.path,
        f"`{value.value}` matches no identity: they are compared without {SPIFFE}",
        fix=f"write {value.value.removeprefix(SPIFFE)}",
    )


def _domain(policy: AuthorizationPolicy, value: PolicyValue) -> Violation | None:
    if value.key != "source.trustDomain" or "/" not in value.value:
        return None
    return Violation(
        policy.resource,
        value.path,
        f"`{value.value}` is no trust domain: with a slash it means identities that begin so",
        fix=f"ask for source.principal `{value.value.rstrip('/')}/*`",
    )


def _keys(policy: AuthorizationPolicy) -> Iterator[Violation]:
    """Keys that the generator fails on."""
    for number, rule in enumerate(policy.rules):
        bad = malformed_keys(rule)
        for place, condition in enumerate(rule.conditions):
            if condition.key not in bad:
                continue
            prefix = next((each for each in PREFIXES if condition.key.startswith(each)), "")
            inside = condition.key[condition.key.find("[") :]
            yield Violation(
                policy.resource,
                f"spec.rules[{number}].when[{place}].key",
                f"istiod cannot read `{condition.key}`, which its webhook lets pass: "
                + (
                    "the whole rule is dropped and lets nobody in"
                    if policy.action is Action.ALLOW
                    else "the condition is dropped and the rule matches without it"
                ),
                fix=f"write {prefix}{inside}" if prefix else "write request.headers[NAME]",
            )


RULE = Rule(
    id="AZ011",
    name="misread-value",
    severity=Severity.ERROR,
    summary="A value that Istio accepts and reads otherwise than it looks.",
    fix="leave one `*`, at the start or at the end",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({"AuthorizationPolicy"}),
    check=check,
)
