"""The TLS of a listener: `tls` of Gateway servers and Sidecar ingress (validateTLSOptions)."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import JSONObject
from meshgate.schema.webhook.problem import Path, Problem

# What ISTIO_MUTUAL brings itself.
OWN_CERTIFICATES = (
    "serverCertificate",
    "privateKey",
    "caCertificates",
    "tlsCertificates",
    "credentialName",
    "credentialNames",
)
TERMINATING = frozenset({"SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL"})
VERIFYING = TERMINATING - {"SIMPLE"}
PASSING = frozenset({"PASSTHROUGH", "AUTO_PASSTHROUGH"})


def mode_of(tls: JSONObject) -> str:
    """The mode; a missing one is the enum's first."""
    mode: str = tls.get("mode", "PASSTHROUGH")
    return mode


def server_tls(tls: JSONObject, path: Path) -> Iterator[Problem]:
    """One `tls` block of a listener."""
    mode = mode_of(tls)
    if mode == "ISTIO_MUTUAL":
        for field in OWN_CERTIFICATES:
            if tls.get(field):
                yield Problem((*path, field), "ISTIO_MUTUAL brings its own certificates")
        return
    sources = [
        name for name in ("credentialName", "credentialNames", "tlsCertificates") if tls.get(name)
    ]
    if tls.get("serverCertificate") and tls.get("privateKey"):
        sources.append("serverCertificate")
    if len(sources) > 1:
        yield Problem(
            path, f"has {len(sources)} certificate sources ({', '.join(sources)}), not one"
        )
    if mode in TERMINATING and (tls.get("credentialName") or tls.get("credentialNames")):
        return
    if mode in TERMINATING:
        yield from _files(mode, tls, path)
    if tls.get("caCrl") and tls.get("credentialName"):
        yield Problem((*path, "caCrl"), "credentialName is set, which brings the revocation list")
    if tls.get("caCrl") and mode == "SIMPLE":
        yield Problem((*path, "caCrl"), "SIMPLE verifies no client, so nothing can be revoked")


def _files(mode: str, tls: JSONObject, path: Path) -> Iterator[Problem]:
    if mode in VERIFYING and not tls.get("caCertificates"):
        yield Problem(path, f"{mode} needs caCertificates to verify clients, or credentialName")
    pairs = tls.get("tlsCertificates")
    for index, pair in enumerate(pairs or [tls]):
        here = (*path, "tlsCertificates", index) if pairs else path
        for field in ("serverCertificate", "privateKey"):
            if not pair.get(field):
                yield Problem(here, f"{mode} needs {field}, or credentialName in place of files")
