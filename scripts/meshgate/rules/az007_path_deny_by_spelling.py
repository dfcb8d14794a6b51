"""A DENY by path that another spelling of the path passes.

What it checks
    Each whole path and each path prefix of a DENY, and of `notPaths` of an ALLOW: whether, with the
    path normalization that the environment declares, the same path with a doubled slash or an
    encoded one (`%2F`) is another path to the proxy. The spelling is tried on the model: the plain
    path is denied, and the other one gets in at a workload of the policy, whatever other policies
    there are: where an ALLOW names the paths that are wanted, most spellings of others do not. That
    a whole path does not cover itself with a slash at its end is an information.

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

from collections.abc import Callable, Iterator

from msgspec import Struct

from meshgate.mesh.authorization import Action, Allows, Authorization, AuthorizationPolicy, Enforcer
from meshgate.mesh.authorization.attributes import Chain, Connection, Normalization
from meshgate.mesh.authorization.matchers import TextMatcher, text_matcher
from meshgate.mesh.authorization.paths import is_template, normalized, without_query
from meshgate.mesh.authorization.policy_values import PolicyValue, policy_values
from meshgate.mesh.authorization.strangers import (
    TooManyIdentitiesError,
    examples,
    rules_of,
    stranger,
)
from meshgate.model import Severity
from meshgate.rules import policy_places
from meshgate.rules.context import Context
from meshgate.rules.policy_places import EnforcedPlace, PolicyPlaces
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
    authorization = policy_places.authorization(context)
    places = policy_places.of(context)
    for policy in policy_places.enforced(context):
        values = [each for each in policy_values(policy) if each.key == "paths"]
        for value in values:
            if keeps_out(policy, value):
                beside = [
                    text_matcher(other.value)
                    for other in values
                    if (other.rule, other.negated) == (value.rule, value.negated)
                ]
                gets_in = DeniedPath(authorization, places, policy)
                variants = spellings(value.value, beside, authorization.normalization, gets_in)
                yield from _violations(policy, value, variants, authorization.normalization)


def keeps_out(policy: AuthorizationPolicy, value: PolicyValue) -> bool:
    """Whether requests that a value matches are denied, and all others may pass."""
    if policy.action is Action.DENY:
        return not value.negated
    return policy.action is Action.ALLOW and value.negated


def _violations(
    policy: AuthorizationPolicy,
    value: PolicyValue,
    variants: Spellings,
    normalization: Normalization,
) -> Iterator[Violation]:
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


class DeniedPath(Struct, frozen=True):
    """Whether requests get in where a policy is enforced, if it is known where."""

    authorization: Authorization
    places: PolicyPlaces | None
    policy: AuthorizationPolicy

    def __call__(self, path: str) -> bool:
        """Whether some client gets in with a path somewhere."""
        enforced = self.places.of(self.policy) if self.places is not None else ()
        return not enforced or any(self._at(place, path) for place in enforced)

    def _at(self, place: EnforcedPlace, path: str) -> bool:
        if place.server.enforcer is Enforcer.ZTUNNEL:
            return False
        try:
            named = examples(
                rules_of(self.authorization.rules(place.server, Chain.HTTP)),
                self.authorization.domains,
            )
        except TooManyIdentitiesError:
            return True
        assert self.places is not None
        ports = {port for each in place.workloads for port in self.places.mesh.ports(each)}
        return any(
            self._over(place, Connection(Chain.HTTP, port, who), path)
            for port in sorted(ports) or (0,)
            for who in (None, stranger(self.authorization.domains), *named)
        )

    def _over(self, place: EnforcedPlace, connection: Connection, path: str) -> bool:
        decision = self.authorization.allowed(place.server, connection)
        if decision.access is None:
            return decision.allows is not Allows.NONE
        return decision.access.narrowed(path=path).first_permitted() is not None


def spellings(
    value: str,
    beside: list[TextMatcher],
    normalization: Normalization,
    gets_in: Callable[[str], bool],
) -> Spellings:
    """The spellings of a path that no value beside it matches, and that get in all the same."""
    if is_template(value) or not value.startswith("/") or value.rstrip("*") == "/":
        return Spellings((), "")

    def matches(path: str) -> bool:
        sent = without_query(normalized(path, normalization))
        return any(matcher.fits(sent) for matcher in beside)

    plain = value[:-1] + ("" if value[-2] != "/" else "x") if value.endswith("*") else value
    if not matches(plain):
        return Spellings((), "")

    slashes = [place for place, letter in enumerate(plain) if letter == "/"]
    doubled = (f"{plain[:place]}/{plain[place:]}" for place in slashes)
    encoded = (
        f"{plain[:place]}%2F{plain[place + 1 :]}" for place in slashes if 0 < place < len(plain) - 1
    )
    # One of each kind tells enough.
    others = (
        next((path for path in tried if not matches(path) and gets_in(path)), None)
        for tried in (doubled, encoded)
    )
    ending = "" if value.endswith(("*", "/")) or matches(f"{plain}/") else f"{plain}/"
    if ending and not gets_in(ending):
        ending = ""
    return Spellings(tuple(path for path in others if path is not None), ending)


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
