"""TLS toward a server that nobody checks.

What it checks
    SIMPLE and MUTUAL `tls` blocks of a DestinationRule, on each level: those with
    `insecureSkipVerify: true`, and those toward a host under the cluster domain that name no CA
    (`caCertificates` or `credentialName`).

    ```yaml
    spec:
      host: ledger.payments.svc.cluster.local
      trafficPolicy:
        tls: {mode: SIMPLE}   # whose certificate is it?
    ```

Why it matters
    With `insecureSkipVerify` the client takes any certificate: whoever stands in between reads
    everything. Without a CA, Istio checks against the CAs of the proxy's operating system, which
    sign public names and never a `svc.cluster.local` one: the handshake fails, until somebody
    switches the check off.

How to fix
    Name the CA that signed the server's certificate in `caCertificates`, and the name to expect in
    `subjectAltNames`. Toward a workload with a sidecar, ISTIO_MUTUAL does all of it.

Known gaps
    A CA inside the secret of `credentialName` is taken for granted. Before Istio 1.21, and with
    VERIFY_CERT_AT_CLIENT off, no CA meant no check at all, for outside hosts too.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import hosts
from meshgate.mesh.terms import ORIGINATED
from meshgate.model import JSONObject, Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    facts = context.environment.mesh
    for rule in dr.seen(context):
        for place in rule.places:
            tls = place.tls
            if tls is None or place.mode not in ORIGINATED:
                continue
            if tls.get("insecureSkipVerify"):
                yield Violation(
                    rule.resource,
                    place.path("tls", "insecureSkipVerify"),
                    f"insecureSkipVerify{place.where}: clients take any certificate for "
                    f"{rule.host}, whoever shows it",
                )
            elif not has_ca(tls) and hosts.is_in_cluster(rule.host, facts.cluster_domain):
                yield Violation(
                    rule.resource,
                    place.path("tls", "mode"),
                    f"tls {place.mode}{place.where} names no CA: {rule.host} is checked against "
                    "the CAs of the proxy's operating system, which sign no name of the cluster",
                )


def has_ca(tls: JSONObject) -> bool:
    """Whether the block says whom to trust."""
    return bool(tls.get("caCertificates") or tls.get("credentialName"))


RULE = Rule(
    id="DR016",
    name="unverified-tls",
    severity=Severity.WARNING,
    summary="SIMPLE or MUTUAL without a check of the server's certificate that can succeed.",
    fix="name the CA in caCertificates and the expected name in subjectAltNames",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    kinds=frozenset({dr.KIND}),
    check=check,
)
