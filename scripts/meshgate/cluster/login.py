"""How a cluster is logged into: the only home of the Kubernetes client's configuration.

A kubeconfig may name a program that gives the account's token (an exec plugin, such as
`aws eks get-token`). The client's own way with one that fails is to go on as
`system:anonymous`; here its failure is the error. Imported on use: the client is an extra.
"""

from __future__ import annotations

import json
import logging
import shlex
from contextlib import suppress
from pathlib import Path

from kubernetes.client import ApiClient, Configuration
from kubernetes.config import ConfigException
from kubernetes.config import kube_config as typed

from meshgate.answers import excerpt, parsed
from meshgate.errors import MeshgateError, ServiceError, ToolError, UsageError
from meshgate.masking import masked
from meshgate.model import JSON, JSONObject
from meshgate.process import run

# Its functions have no types.
kube_config: JSON = typed
LOG = logging.getLogger(__name__)

# Seconds that a plugin has: some ask a server, and none can ask a person here.
PLUGIN_TIMEOUT = 60.0
# What a plugin gives: one of these, whole.
ACCOUNTS = (("token",), ("clientCertificateData", "clientKeyData"))
CREDENTIAL = "ExecCredential"


def api_client(context: str, kubeconfig: Path | None) -> JSON:
    """The client of one context. Raises UsageError for one that cannot be used.

    Raises ServiceError where the exec plugin of its account fails.
    """
    file = str(kubeconfig) if kubeconfig else kube_config.KUBE_CONFIG_DEFAULT_LOCATION
    try:
        merged = kube_config.KubeConfigMerger(file)
        if merged.config is None:
            raise ConfigException("no configuration is there")  # noqa: TRY301 - as the client does
        settings = Configuration()
        # What a server asks to wait is told, and not for ever.
        settings.retries = False
        loader = LOADER(merged.config, active_context=context, config_base_path=None)
        loader.load_and_set(settings)
        return ApiClient(configuration=settings)
    except MeshgateError:
        raise
    # A kubeconfig may be anything, and the client says so in its own words or in Python's.
    except Exception as error:
        known: list[str] = []
        with suppress(Exception):
            known = [entry["name"] for entry in kube_config.list_kube_config_contexts(file)[0]]
        raise UsageError(
            f"--context {context}: cannot be used",
            why=excerpt(error),
            hint=f"known: {', '.join(sorted(known))}" if known else "name a file with --kubeconfig",
        ) from error


class _Loader(typed.KubeConfigLoader):
    """The client's loader, whose plugin has an end and is believed when it fails."""

    # They are no part of its types.
    _user: JSON
    _cluster: JSON

    def _load_from_exec_plugin(self) -> bool | None:
        if not self._user or "exec" not in self._user:
            return None
        own: JSON = self
        base = own._get_base_path(self._cluster.path)  # noqa: SLF001 - its own
        settings: JSONObject = self._user["exec"].value
        cluster: JSONObject = self._cluster.value
        status = credentials(settings, cluster, Path(base) if base else None)
        if token := status.get("token"):
            self.token = f"Bearer {token}"
            return True
        for name, key in (("cert_file", "clientCertificateData"), ("key_file", "clientKeyData")):
            value = kube_config.FileOrData(
                status, None, data_key_name=key, file_base_path=base, base64_file_content=False
            )
            setattr(self, name, value.as_file())
        return True


LOADER: JSON = _Loader


def credentials(settings: JSONObject, cluster: JSONObject, folder: Path | None) -> JSONObject:
    """What an exec plugin gives: `token`, or `clientCertificateData` and `clientKeyData`.

    `settings` is the `exec` of a kubeconfig's user, `cluster` the cluster it is for, `folder`
    where the kubeconfig lies. Raises ServiceError for anything else that it does
    (client.authentication.k8s.io/v1).
    """
    command = [str(settings.get("command") or ""), *map(str, settings.get("args") or ())]
    version = str(settings.get("apiVersion") or "")
    shown = masked(shlex.join(command))
    LOG.debug("the kubeconfig's exec plugin is run: %s", shown)
    spec: JSONObject = {"interactive": False}
    if settings.get("provideClusterInfo"):
        spec["cluster"] = cluster
    info = {"apiVersion": version, "kind": CREDENTIAL, "spec": spec}
    given = {
        str(each.get("name")): str(each.get("value")) for each in settings.get("env") or () if each
    }
    hint = f"run it by hand: {shown}"
    try:
        done = run(
            command,
            timeout=PLUGIN_TIMEOUT,
            cwd=folder,
            environment={**given, "KUBERNETES_EXEC_INFO": json.dumps(info)},
        )
    except ToolError as error:
        install = str(settings.get("installHint") or "")
        raise ServiceError(
            f"the kubeconfig's exec plugin {command[0]} gives no account",
            why=excerpt(masked(" ".join(filter(None, (error.what, error.why, install))))),
            hint=hint,
        ) from error
    if done.code:
        raise ServiceError(
            f"the kubeconfig's exec plugin {command[0]} failed with exit code {done.code}",
            why=excerpt(masked(done.stderr)),
            hint=hint,
        )
    problem = ""
    try:
        answer = parsed(done.stdout)
        status = answer.get("status") if isinstance(answer, dict) else None
        if not isinstance(status, dict):
            problem = "it printed no ExecCredential with a status"
        elif answer.get("apiVersion") != version:
            problem = f"it answers in {answer.get('apiVersion')}, the kubeconfig wants {version}"
        elif not any(_texts(status, keys) for keys in ACCOUNTS):
            problem = "its status has neither a token nor a certificate with its key"
        elif not str(status.get("token", "")).isprintable() or " " in str(status.get("token", "")):
            problem = "its token has spaces or line breaks"
        else:
            return status
    except ValueError:
        problem = "it printed something else than JSON"
    # What it printed may hold a secret.
    raise ServiceError(
        f"the kubeconfig's exec plugin {command[0]} gives no account", why=problem, hint=hint
    )


def _texts(status: JSONObject, keys: tuple[str, ...]) -> bool:
    return all(isinstance(status.get(key), str) and status[key] for key in keys)
