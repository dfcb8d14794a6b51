"""docs/parity.md: every check of other tools is in one row, and every rule it names exists."""

from __future__ import annotations

import re
from collections import Counter

from meshgate.rules import RULES
from places import REPOSITORY

PAGE = REPOSITORY / "docs" / "parity.md"
NOTHING = "\N{EN DASH}"


def codes(prefix: str, *spans: str) -> list[str]:
    """`codes("KIA", "0101-0103 0105")`: every code of some spans, with their leading zeros."""
    found = []
    for span in " ".join(spans).split():
        first, _, last = span.partition("-")
        found += [f"{prefix}{number:04}" for number in range(int(first), int(last or first) + 1)]
    return found


# Kiali's models/istio_validation.go, state of 2026-08-20.
KIALI = codes(
    "KIA",
    "0002-0005 0101-0102 0104-0110 0201-0212 0301-0302 0401 0501 0505-0506 0601-0602 0701",
    "1004 1006-1007 1101-1102 1104-1117 1211-1212 1301 1311-1317 1401-1402 1501-1504 1601",
    "1701-1702",
)
# Istio's pkg/config/analysis/msg/messages.yaml, release 1.31.
ANALYZE = codes(
    "IST",
    "0001-0002 0101-0103 0106-0112 0116 0118 0123 0125-0177",
)
# Constraint templates that Google documents for its service mesh, and their predecessors.
TEMPLATES = [
    "AllowedServicePortName",
    "AsmAuthzPolicyDefaultDeny",
    "AsmAuthzPolicyDisallowedPrefix",
    "AsmAuthzPolicyEnforceSourcePrincipals",
    "AsmAuthzPolicyNormalization",
    "AsmAuthzPolicySafePattern",
    "AsmIngressgatewayLabel",
    "AsmPeerAuthnMeshStrictMtls",
    "AsmPeerAuthnStrictMtls",
    "AsmRequestAuthnProhibitedOutputHeaders",
    "AsmSidecarInjection",
    "DestinationRuleTLSEnabled",
    "DisallowedAuthzPrefix",
    "PolicyStrictOnly",
    "SourceNotAllAuthz",
]


def rows() -> list[list[str]]:
    """The cells of every row, headings left out."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] not in {"Code", "Template"}]


def test_every_code_is_in_one_row() -> None:
    assert (len(KIALI), len(ANALYZE)) == (72, 68)
    assert Counter(row[0] for row in rows()) == Counter([*KIALI, *ANALYZE, *TEMPLATES])


def test_every_rule_exists() -> None:
    known = {rule.id for rule in RULES}
    named = {
        rule for row in rows() for cell in row for rule in re.findall(r"\b[A-Z]{2}\d{3}\b", cell)
    }
    named |= set(re.findall(r"\b[A-Z]{2}\d{3}\b", PAGE.read_text(encoding="utf-8")))

    assert named <= known


def test_a_row_has_a_rule_or_says_why_not() -> None:
    for code, says, rules, why in rows():
        assert says, code
        links = re.findall(r"\[([A-Z]{2}\d{3})\]\(rules/\1\.md\)", rules)
        assert ", ".join(f"[{rule}](rules/{rule}.md)" for rule in links) == rules or (
            rules == NOTHING
        ), code
        assert links or why, f"{code} names no rule and no reason"
