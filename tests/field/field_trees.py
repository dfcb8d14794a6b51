"""Trees of files as they are in the field, and what `meshgate lint` says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from meshgate.cli import main

REPOSITORIES = Path(__file__).parent / "repositories"
DISABLED = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: DISABLE}}
"""
STRICT = DISABLED.replace("DISABLE", "STRICT")
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: shop}
spec: {containers: [{name: c, image: c}]}
"""
Capture = pytest.CaptureFixture[str]


class Linted(NamedTuple):
    """The exit code, the findings, and by name why a file or an environment was not judged."""

    code: int
    findings: list[dict[str, object]]
    unread: dict[str, str]
    notes: list[str]

    @property
    def rules(self) -> list[str]:
        return [str(finding["rule"]) for finding in self.findings]


def judged(capsys: Capture, *arguments: object) -> Linted:
    """What a command that reports findings says."""
    code = main([*map(str, arguments), "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    failures = report["summary"].get("failures", [])
    unread = {each["environment"]: each["message"] for each in failures}
    return Linted(code, report["findings"], unread, report["summary"].get("notes", []))


def lint(capsys: Capture, *arguments: object) -> Linted:
    """What `meshgate lint` says."""
    return judged(capsys, "lint", *arguments)
