"""The `tls` blocks: of clients in a DestinationRule, of listeners in a Gateway or Sidecar."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import JSONObject
from meshgate.schema.webhook.problem import Path, Problem

CONFIG_MAP = "configmap://"
# What a client's credentialName brings itself.
FILES = ("clientCertificate", "caCertificates", "privateKey", "caCrl")

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


def client_tls(namespace: str, tls: JSONObject, path: Path) -> Iterator[Problem]:
    """One `tls` block of a DestinationRule in this namespace (agent.ValidateTLS)."""
    mode = tls.get("mode", "DISABLE")
    credential = tls.get("credentialName", "")
    if credential.startswith(CONFIG_MAP):
        yield from _config_map(namespace, credential, (*path, "credentialName"))
    if tls.get("insecureSkipVerify") is True:
        yield from _unverified(mode, tls, (*path, "insecureSkipVerify"))
    if credential and mode in {"SIMPLE", "MUTUAL"}:
        for file in FILES:
            if tls.get(file):
                yield Problem((*path, file), "credentialName is set, which brings all certificates")
    elif mode == "MUTUAL":
        missing = [file for file in ("clientCertificate", "privateKey") if not tls.get(file)]
        if missing:
            files = " and ".join(missing)
            yield Problem(path, f"MUTUAL needs {files}, or credentialName in place of files")


def _config_map(namespace: str, credential: str, path: Path) -> Iterator[Problem]:
    owner, slash, rest = credential.removeprefix(CONFIG_MAP).partition("/")
    if not slash or not owner or not rest.partition("/")[0]:
        yield Problem(path, f"`{credential}` must be configmap://namespace/name")
    elif owner != namespace:
        yield Problem(path, f"`{credential}` must be in the rule's own namespace")


def _unverified(mode: str, tls: JSONObject, path: Path) -> Iterator[Problem]:
    verifying = ["caCertificates"] if tls.get("caCertificates") else []
    if mode == "SIMPLE" and tls.get("credentialName"):
        verifying.append("credentialName")
    if "subjectAltNames" in tls:
        verifying.append("subjectAltNames")
    if mode in {"SIMPLE", "MUTUAL"} and verifying:
        yield Problem(path, f"skips the verification that {' and '.join(verifying)} ask for")


def mode_of(tls: JSONObject) -> str:
    """The mode; a missing one is the enum's first."""
    mode: str = tls.get("mode", "PASSTHROUGH")
    return mode


def server_tls(tls: JSONObject, path: Path) -> Iterator[Problem]:
    """One `tls` block of a Gateway server or of Sidecar ingress (validateTLSOptions)."""
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
        yield from _certificate_files(mode, tls, path)
    if tls.get("caCrl") and tls.get("credentialName"):
        yield Problem((*path, "caCrl"), "credentialName is set, which brings the revocation list")
    if tls.get("caCrl") and mode == "SIMPLE":
        yield Problem((*path, "caCrl"), "SIMPLE verifies no client, so nothing can be revoked")


def _certificate_files(mode: str, tls: JSONObject, path: Path) -> Iterator[Problem]:
    if mode in VERIFYING and not tls.get("caCertificates"):
        yield Problem(path, f"{mode} needs caCertificates to verify clients, or credentialName")
    pairs = tls.get("tlsCertificates")
    for index, pair in enumerate(pairs or [tls]):
        here = (*path, "tlsCertificates", index) if pairs else path
        for field in ("serverCertificate", "privateKey"):
            if not pair.get(field):
                yield Problem(here, f"{mode} needs {field}, or credentialName in place of files")
