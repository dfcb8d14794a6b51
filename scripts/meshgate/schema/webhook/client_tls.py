"""The TLS that a client sends: `tls` of DestinationRule (agent.ValidateTLS)."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import JSONObject
from meshgate.schema.webhook.problem import Path, Problem

CONFIG_MAP = "configmap://"
# What a credentialName brings itself.
FILES = ("clientCertificate", "caCertificates", "privateKey", "caCrl")


def client_tls(namespace: str, tls: JSONObject, path: Path) -> Iterator[Problem]:
    """One `tls` block, in a rule of this namespace."""
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
