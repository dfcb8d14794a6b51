"""Reports to render: a rich one as people meet it, and one that a hostile manifest makes."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import cast

from meshgate.model import (
    Failure,
    Finding,
    Position,
    Related,
    Report,
    ResourceRef,
    Severity,
    Tally,
    Waiver,
    fingerprint,
)
from meshgate.report import Options
from meshgate.rules.rule import Needs, Rule

PEER = "security.istio.io/v1"
DESTINATION = "networking.istio.io/v1"

PORT_FILE = "overlays/staging/patches/monitoring-port.yaml"
WILDCARD_FILE = "policies/boards/destinationrule.yaml"
DATABASE_FILE = "policies/mesh-wide/destinationrule-database.yaml"

PORT = Position(PORT_FILE, 9, 13)
PROD_PORT = Position("overlays/prod/patches/monitoring-port.yaml", 9, 13)
WILDCARD = Position(WILDCARD_FILE, 6, 9)
DATABASE = Position(DATABASE_FILE, 11, 9)
SERVICE = Position("inventory/prod/services.yaml", 41, 5)

# What an attacker may put into a name, a label or a host.
HOSTILE = (
    "<script>alert(1)</script>",
    "]]><!--",
    "\x1b[2J\x1b]0;owned\x07",
    "two\nlines\r\n::error::injected",
    "::stop-commands::x",
    "##[add-mask]prod ##vso[task.setvariable variable=x]y",
    "a | b \\| c",
    "`code` ```fence``` ~~~",
    "\u202eexe.yaml\u2066\u2069\u200b",
    "@security-team #1 !2 GH-3 https://evil.example/x.png ![i](https://evil.example)",
    "</details></summary><img src=x onerror=alert(1)>",
    "100%,a:b;c=d%0A::error::x",
    "\ud800 lone \udfff",
    "\x00\x08\x0b\x0c\x7f\x85\u2028\ufffe",
    "]]]](https://evil.example) [text](0) {0} {{x}}",
    "/close",
    "日本語 العربية e\u0301 👩‍👩‍👧",
)


def peer(namespace: str, name: str) -> ResourceRef:
    return ResourceRef(PEER, "PeerAuthentication", namespace, name)


def rule(namespace: str, name: str) -> ResourceRef:
    return ResourceRef(DESTINATION, "DestinationRule", namespace, name)


def rich() -> Report:
    """Three environments with every sort of finding, and one that was not judged."""
    findings = (
        Finding(
            "DR009",
            "port-entry-drops-tls",
            Severity.WARNING,
            "port 8443 has its own policy without tls, which replaces the whole top-level policy",
            "repeat the tls of the top level in the port's entry",
            environment="dev",
            resource=rule("boards", "boards"),
            path="spec.trafficPolicy.portLevelSettings[0]",
            source=Position(WILDCARD_FILE, 14, 9),
            fingerprint=fingerprint("DR009", "dev"),
        ),
        Finding(
            "PA002",
            "plaintext-port",
            Severity.ERROR,
            "port 9090 accepts plaintext: its mode is PERMISSIVE, and staging requires STRICT of "
            "every port",
            "set the mode to STRICT, or ask for a waiver with an owner and an expiry date",
            environment="staging",
            resource=peer("boards", "boards"),
            path='spec.portLevelMtls["9090"].mode',
            source=PORT,
            fingerprint=fingerprint("PA002", "staging"),
            waiver=Waiver(
                rule="PA002",
                resource="PeerAuthentication/boards/boards",
                owner="team-boards",
                reason="the metrics agent has no sidecar until it is upgraded",
                expires=date(2026, 12, 31),
            ),
        ),
        Finding(
            "SH009",
            "missing-namespace",
            Severity.ERROR,
            "the object has no namespace, so the syncer's default decides",
            "write metadata.namespace",
            environment="staging",
            resource=ResourceRef(PEER, "PeerAuthentication", None, "default"),
            path="metadata",
            fingerprint=fingerprint("SH009", "staging"),
        ),
        Finding(
            "PA002",
            "plaintext-port",
            Severity.ERROR,
            "port 9090 accepts plaintext: its mode is PERMISSIVE, and prod requires STRICT of "
            "every port",
            "set the mode to STRICT, or ask for a waiver with an owner and an expiry date",
            environment="prod",
            resource=peer("boards", "boards"),
            path='spec.portLevelMtls["9090"].mode',
            source=PROD_PORT,
            fingerprint=fingerprint("PA002", "prod"),
        ),
        Finding(
            "DR003",
            "wildcard-host",
            Severity.ERROR,
            "host *.svc.cluster.local stands outside the root namespace; for every client in "
            "boards it also catches the API server and the database",
            "name the one host the rule is for",
            environment="prod",
            resource=rule("boards", "boards"),
            path="spec.host",
            source=WILDCARD,
            related=(
                Related(
                    rule("istio-system", "database"),
                    "turns TLS off for the database, and is hidden by this rule",
                    DATABASE,
                ),
                Related(ResourceRef("v1", "Service", "boards", "db"), "has no sidecar", SERVICE),
            ),
            fingerprint=fingerprint("DR003", "prod"),
        ),
        Finding(
            "DR005",
            "unknown-host",
            Severity.WARNING,
            "whether orders.shop.svc.cluster.local exists is not decidable: namespace shop has no "
            "inventory",
            "capture the inventory of shop",
            decided=False,
            environment="prod",
            resource=rule("shop", "orders"),
            path="spec.host",
            source=Position("policies/shop/destinationrule.yaml", 7, 9),
            fingerprint=fingerprint("DR005", "prod"),
        ),
        Finding(
            "PA011",
            "redundant-policy",
            Severity.INFO,
            "changes no effective mode",
            "delete it",
            environment="prod",
            resource=peer("shop", "default"),
            source=Position("policies/shop/peerauthentication.yaml", 1, 1),
            fingerprint=fingerprint("PA011", "prod"),
        ),
        Finding(
            "PA007",
            "missing-mesh-wide-strict",
            Severity.ERROR,
            "no policy without selector gives istio-system the mode STRICT",
            "add a PeerAuthentication without selector to istio-system",
            environment="prod",
            fingerprint=fingerprint("PA007", "prod"),
        ),
    )
    return Report(
        findings=findings,
        tallies=(Tally("dev", 12, 31), Tally("staging", 12, 30), Tally("prod", 14, 48)),
        excerpts={
            PORT: "      mode: PERMISSIVE",
            PROD_PORT: "      mode: PERMISSIVE",
            WILDCARD: '  host: "*.svc.cluster.local"',
            DATABASE: "  host: db.boards.svc.cluster.local",
            SERVICE: "    name: db",
            Position(WILDCARD_FILE, 14, 9): "      - port: {number: 8443}",
            Position("policies/shop/destinationrule.yaml", 7, 9): "  host: orders # of the shop",
            Position("policies/shop/peerauthentication.yaml", 1, 1): (
                "apiVersion: security.istio.io/v1"
            ),
        },
        notes=("calls between workloads are not judged: this needs the mesh model",),
        failures=(Failure("drill", "overlays/drill does not build\nhint: add the missing base"),),
    )


def hostile(text: str) -> Report:
    """One finding that carries the text wherever a manifest can put it."""
    place = Position(text, 3, 5)
    resource = ResourceRef("v1", "Service", text, text)
    return Report(
        findings=(
            Finding(
                "XX001",
                "hostile-text",
                Severity.ERROR,
                text,
                text,
                environment=text or None,
                resource=resource,
                path=text,
                source=place,
                related=(Related(resource, text, place),),
                fingerprint=fingerprint(text),
            ),
            Finding(
                "XX001",
                "hostile-text",
                Severity.WARNING,
                text,
                text,
                decided=False,
                resource=resource,
                path=text,
                fingerprint=fingerprint(text, "waived"),
                waiver=Waiver(
                    rule="XX001",
                    resource=text,
                    owner=text,
                    reason=text,
                    expires=date(2026, 12, 31),
                    source=place,
                ),
            ),
        ),
        tallies=(Tally(text or None, 1, 1),),
        excerpts={place: text},
        notes=(text,),
        failures=(Failure(text, text),),
    )


def many(number: int) -> Report:
    """So many different findings, a hundred in a file."""
    findings = []
    excerpts = {}
    for index in range(number):
        place = Position(f"policies/team-{index // 100}/policies.yaml", 1 + index % 100, 5)
        excerpts[place] = "    mode: PERMISSIVE"
        findings.append(
            Finding(
                "PA001",
                "permissive-mode",
                Severity.ERROR if index % 2 else Severity.WARNING,
                f"mode is PERMISSIVE for workload {index}, and prod requires STRICT of each port",
                "set the mode to STRICT, or ask for a waiver with an owner and an expiry date",
                environment="prod",
                resource=peer(f"team-{index // 100}", f"policy-{index}"),
                path="spec.mtls.mode",
                source=place,
                related=(Related(peer("istio-system", "default"), "is hidden", place),),
                fingerprint=fingerprint("PA001", str(index)),
            )
        )
    return Report(tuple(findings), (Tally("prod", number, 0),), excerpts)


def catalogue() -> tuple[Rule, ...]:
    """Two rules as they come from their modules, without what they check."""
    return cast(
        "tuple[Rule, ...]",
        tuple(
            SimpleNamespace(
                id=id_,
                name=name,
                severity=severity,
                summary=summary,
                fix="write it out",
                needs=Needs.FACTS,
                sharper_with=None,
                waivable=True,
                documentation=f"{summary}\n\nWhat it checks\n    Each policy.\n\n"
                "Why it matters\n    A port that takes plaintext takes it\n    from everyone.\n",
            )
            for id_, name, severity, summary in (
                ("DR003", "wildcard-host", Severity.ERROR, "A host that catches every service."),
                ("PA002", "plaintext-port", Severity.ERROR, "A port that accepts plaintext."),
            )
        ),
    )


OPTIONS = Options(version="1.2.3", rules=catalogue())
