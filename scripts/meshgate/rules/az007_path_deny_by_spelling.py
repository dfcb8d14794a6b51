"""A DENY by path that another spelling of the path passes.

What it checks
    Each whole path and each path prefix of a DENY, and of `notPaths` of an ALLOW: whether, with the
    path normalization that the environment declares, the same path with a doubled slash or an
    encoded one (`%2F`) is another path to the proxy. The spelling is tried on the model: the plain
    path is denied, the other one is not. That a whole path does not cover itself with a slash at
    its end is an information.

    ```yaml
    action: DENY
    rules:
      - to: [{operation: {paths: ["/admin/*"]}}]      # //admin/users is no match
    ```

Why it matters
    Many frameworks read `//admin` as `/admin`. Then the DENY holds for those who do not know, and
    for nobody else.

How to fix
    Set `pathNormalization: DECODE_AND_MERGE_SLASHES` in MeshConfig, and declare it here. Safer is
    an ALLOW of the paths that are wanted: whatever is spelt otherwise is denied.

Known gaps
    Whether the application takes the other spelling for the same is not known. Escapes of other
    characters and upper case are not tried. Path templates are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from meshgate.mesh.authorization import Action, AuthorizationPolicy
from meshgate.mesh.authorization.attributes import Normalization
from meshgate.mesh.authorization.matchers import TextMatcher, text_matcher
from meshgate.mesh.authorization.paths import is_template, normalized, without_query
from meshgate.mesh.authorization.policy_values import PolicyValue, policy_values
from meshgate.model import Severity
from meshgate.rules import policy_places
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.wording import listed

NORMALIZE = (
    "set pathNormalization DECODE_AND_MERGE_SLASHES in MeshConfig and in environments.yaml, or "
    "allow the paths that are wanted instead of denying others"
)


class Spellings(Struct, frozen=True):
    """Paths that pass what one path does not: by their slashes, and by one more at the end."""

    slashes: tuple[str, ...]
    ending: str


def check(context: Context) -> Iterator[Violation]:
    normalization = policy_places.authorization(context).normalization
    for policy in policy_places.enforced(context):
        values = [each for each in policy_values(policy) if each.key == "paths"]
        for value in values:
            if keeps_out(policy, value):
                beside = [
                    text_matcher(other.value)
                    for other in values
                    if (other.rule, other.negated) == (value.rule, value.negated)
                ]
                yield from _violations(policy, value, beside, normalization)


def keeps_out(policy: AuthorizationPolicy, value: PolicyValue) -> bool:
    """Whether requests that a value matches are denied, and all others may pass."""
    if policy.action is Action.DENY:
        return not value.negated
    return policy.action is Action.ALLOW and value.negated


def _violations(
    policy: AuthorizationPolicy,
    value: PolicyValue,
    beside: list[TextMatcher],
    normalization: Normalization,
) -> Iterator[Violation]:
    variants = spellings(value.value, beside, normalization)
    if variants.slashes:
        yield Violation(
            policy.resource,
            value.path,
            f"{listed(variants.slashes)} {'pass' if len(variants.slashes) > 1 else 'passes'} what "
            f"`{value.value}` denies: with the path normalization {normalization} the proxy takes "
            "them for other paths",
            fix=NORMALIZE,
        )
    elif variants.ending:
        yield Violation(
            policy.resource,
            value.path,
            f"{variants.ending} passes what `{value.value}` denies",
            fix=f"list {variants.ending} beside it",
            severity=Severity.INFO,
            key="ending",
        )


def spellings(value: str, beside: list[TextMatcher], normalization: Normalization) -> Spellings:
    """The spellings of a path that neither a value of `paths` matches nor another beside it."""
    if is_template(value) or not value.startswith("/") or value.rstrip("*") == "/":
        return Spellings((), "")

    def matches(path: str) -> bool:
        sent = without_query(normalized(path, normalization))
        return any(matcher.fits(sent) for matcher in beside)

    plain = value[:-1] + ("" if value[-2] != "/" else "x") if value.endswith("*") else value
    if not matches(plain):
        return Spellings((), "")
    tried = [f"/{plain}"]
    place = plain.find("/", 1)
    if 0 < place < len(plain) - 1:
        tried.append(f"{plain[:place]}%2F{plain[place + 1 :]}")
    ending = "" if value.endswith(("*", "/")) or matches(f"{plain}/") else f"{plain}/"
    return Spellings(tuple(path for path in tried if not matches(path)), ending)


RULE = Rule(
    id="AZ007",
    name="path-deny-by-spelling",
    severity=Severity.WARNING,
    summary="Another spelling of a path passes a DENY of it.",
    fix=NORMALIZE,
    phase=Phase.STATE,
    needs=Needs.FACTS,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({"AuthorizationPolicy"}),
    check=check,
)
