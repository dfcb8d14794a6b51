"""A DENY by host that the same host with a port passes.

What it checks
    Each value of `hosts` in a DENY, and of `notHosts` in an ALLOW, without a `*` at its end:
    whether the host with a port is another host to the proxy. Envoy compares what the client sends,
    and strips nothing.

    ```yaml
    action: DENY
    rules:
      - to: [{operation: {hosts: [admin.example]}}]     # admin.example:80 is no match
    ```

Why it matters
    The route takes `admin.example:80` for `admin.example`; the policy does not. One more header
    line passes the DENY.

How to fix
    List the host with `:*` beside it.

Known gaps
    Other names of the same service are other hosts, too: an ALLOW of the hosts that are wanted is
    safer.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh.authorization.matchers import text_matcher
from meshgate.mesh.authorization.policy_values import policy_values
from meshgate.model import Severity
from meshgate.rules import policy_places
from meshgate.rules.az007_path_deny_by_spelling import keeps_out
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    for policy in policy_places.enforced(context):
        values = [each for each in policy_values(policy) if each.key == "hosts"]
        for value in values:
            text = value.value.lower()
            if not keeps_out(policy, value) or text.endswith("*") or text[-1:].isdigit():
                continue
            beside = [
                text_matcher(other.value.lower())
                for other in values
                if (other.rule, other.negated) == (value.rule, value.negated)
            ]
            sent = f"{text.replace('*', 'x')}:80"
            if not any(matcher.fits(sent) for matcher in beside):
                with_port = "*:*" if text.startswith("*") else f"{text}:*"
                yield Violation(
                    policy.resource,
                    value.path,
                    f"`{sent}` passes what `{value.value}` denies: hosts are compared with the "
                    "port that the client sends",
                    fix=f"list {with_port} beside it"
                    if not text.startswith("*")
                    else "list each host, with `:*` beside it",
                )


RULE = Rule(
    id="AZ013",
    name="host-deny-by-spelling",
    severity=Severity.WARNING,
    summary="The same host with a port passes a DENY of it.",
    fix="list the host with `:*` beside it",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({"AuthorizationPolicy"}),
    check=check,
)
