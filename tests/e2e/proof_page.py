"""docs/proof.md: every combination of policies, what the model says of its calls, what was seen."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from e2e.authorized import Answer, Asked
from e2e.combinations import Combination
from e2e.comparison import Row
from e2e.parts import parts
from meshgate.report.escape.markdown import prose, row

PAGE = Path(__file__).parents[2] / "docs" / "proof.md"
PARTS = ("istio", "envoy", "kube-apiserver")
DENIALS = {Answer.FORBIDDEN, Answer.UNAUTHENTICATED, Answer.RESET}

OPENING = """\
# Proof on real Envoys

Written by `nox -s proof`. Each row is a combination of policies, applied to a lab of real parts:
API server, istiod with its validating webhook, pilot-agent and Envoy beside two of four pods, and
as a gateway. Then every call between the pods that the mesh model knows is made, by curl or as a
line over TCP, and what the client, the server and the wire saw is compared with what the model said
before. Where AuthorizationPolicies tell requests apart, each request of a list is made, and so are
the model's own examples of what is let in and of what is not.

| Part | Version |
|---|---|
{versions}

`web/app-ui` and `boards/boards` have sidecars, `boards/boards-db` and `lobby/rogue` have none;
`istio-ingress/ingressgateway` is a gateway.
Services with and without cluster addresses lie over them, two of them over a pod with and one
without a sidecar; each has HTTP ports, a TCP port, and a port whose protocol no name tells.

| Model | Seen as |
|---|---|
| `ok-mtls` | an answer; over HTTP with the client's SPIFFE id, over TCP with TLS on the wire |
| `ok-plaintext` | an answer without either |
| `refused` | 503 for a client with a sidecar, a closed connection for one without |
| `protocol-error` | 503, and the server's 400 in plaintext on the wire |
| `tls-to-app` | no answer, and the application got a TLS handshake |
| `no-cluster` | an empty 503, or nothing leaves the client's pod |
| `external` | TLS on the wire or none, as the model says is sent: the end is the server's own |
| `mtls-user-terminated` | mTLS or a refusal: the server decides on certificates of a user's own |
| `403` | 403 with `RBAC: access denied`, from the server's sidecar or the gateway |
| `401` | 401: a token of an issuer that the RequestAuthentication does not name |
| `RBAC reset` | a line over TCP that nobody answered, and the server's Envoy counted a denial |

**{combinations} combinations, {calls} answers, {wrong} disagreements.** Of these
**{policies} combinations of AuthorizationPolicies, {requests} answers, {denied} of them denials,
{astray} disagreements.**

The model trusts what it is told. It knows no certificates: an endpoint of a ServiceEntry with the
service account of another namespace is refused by its name, where the modes fit. And an endpoint
that is labelled as taking mTLS and has no sidecar gets a handshake that nobody answers. Neither is
among the rows.

Upstream's Envoy, which this lab has, does not tell a server by ALPN that it found HTTP in a
connection that it encrypts; Istio's own build does. So on ports whose protocol no name tells,
requests of clients with a sidecar are not made, only lines.

The columns count the calls of a combination by what the model says; where it names several
outcomes for one call, each of them was seen. (A proxy that passes requests on unknown keeps one
connection, and with it one endpoint: there one of them was.)

Each combination begins from none, and the model says what new connections do. A change that reaches
a client as metadata of endpoints alone (the upper `tls` beside a port's settings without one) was
seen to leave the connections of its Envoy as they were, in plaintext for minutes.

"""


def write(shown: Sequence[tuple[Combination, Sequence[Row | Asked]]]) -> None:
    """Write the page."""
    calls = sum(len(rows) for _, rows in shown)
    wrong = sum(not each.agrees for _, rows in shown for each in rows)
    asked = [each for _, rows in shown for each in rows if isinstance(each, Asked)]
    versions = "\n".join(row((part, parts()[part].version)) for part in PARTS)
    text = OPENING.format(
        versions=versions,
        combinations=len(shown),
        calls=calls,
        wrong=wrong,
        policies=sum(bool(combination.requests) for combination, _ in shown),
        requests=len(asked),
        denied=sum(each.expected in DENIALS for each in asked),
        astray=sum(not each.agrees for each in asked),
    )
    for group, found in itertools.groupby(shown, key=lambda pair: pair[0].group):
        text += f"## {group}\n\n" + "\n".join(_table(list(found))) + "\n\n"
    PAGE.write_text(text.rstrip("\n") + "\n", encoding="utf-8")


def _table(found: Sequence[tuple[Combination, Sequence[Row | Asked]]]) -> Iterator[str]:
    yield row(("policies", "answers, as the model has them", "seen otherwise"))
    yield row(("---", "---", "---:"))
    for combination, rows in found:
        outcomes = Counter(map(_expected, rows))
        told = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
        wrong = sum(not each.agrees for each in rows)
        yield row((prose(combination.title), prose(told), str(wrong)))


def _expected(answer: Row | Asked) -> str:
    if isinstance(answer, Asked):
        return str(answer.expected)
    return " or ".join(sorted(map(str, answer.expected)))
