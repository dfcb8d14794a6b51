"""Certificate files that the client's proxy may not have.

What it checks
    Rules with SIMPLE or MUTUAL that name files (`clientCertificate`, `privateKey`,
    `caCertificates`), against the pods whose proxies get them: a proxy reads only what is mounted
    into its own container, for a sidecar by the annotation `sidecar.istio.io/userVolumeMount`.

    ```yaml
    metadata: {name: rates, namespace: istio-system}     # visible to every sidecar of the mesh
    spec:
      host: rates.example.com
      trafficPolicy:
        tls: {mode: MUTUAL, clientCertificate: /etc/rates/tls.crt, privateKey: /etc/rates/tls.key}
    ```

Why it matters
    A file that is not there keeps the proxy from making the cluster: every call to the host fails,
    and istiod's update of the proxy is refused. The rule was meant for the egress gateway, which
    mounts the files, and reaches every sidecar.

How to fix
    Write `exportTo: ["."]`, so that only clients of this namespace get the rule, or mount the files
    into the sidecars.

Known gaps
    Never more than a warning: what an injection template mounts is not in the manifests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from meshgate.mesh import DataPlane, Workload
from meshgate.mesh.controllers import template_of
from meshgate.mesh.injection import containers
from meshgate.mesh.terms import ORIGINATED
from meshgate.model import JSON, JSONObject, Resource, Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules import inventory
from meshgate.rules.context import Context
from meshgate.rules.effective_rules import effective_rules
from meshgate.rules.inventory import Inventory
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed

FILES = ("clientCertificate", "privateKey", "caCertificates")
MOUNTS = "sidecar.istio.io/userVolumeMount"
# What every proxy has: its own tokens, and the CAs of its image.
ALWAYS_THERE = ("/var/run/secrets/", "/etc/ssl/certs/", "/etc/istio/proxy/")


def check(context: Context) -> Iterator[Violation]:
    known = inventory.of(context)
    if known is None:
        return
    for rule in dr.seen(context):
        for place in rule.places:
            files = named_files(place.tls) if place.mode in ORIGINATED else {}
            if not files:
                continue
            without = {
                str(client): client
                for client in clients(known, rule.resource, rule.host)
                if lacks(client, files)
            }
            if without:
                key, path = next(iter(files.items()))
                yield Violation(
                    rule.resource,
                    place.path("tls", key),
                    f"nothing shows that the proxies of {listed(without)} have {path}: without it "
                    f"they cannot call {rule.host} at all",
                    related=tuple(
                        RelatedResource(each.resource, "gets this rule")
                        for each in list(without.values())[:1]
                    ),
                    decided=False,
                )


def clients(known: Inventory, rule: Resource, host: str) -> Iterator[Workload]:
    """The clients with a sidecar that use a rule."""
    for service in known.services(host):
        for used in effective_rules(known.mesh, service):
            if used.deciding is rule:
                yield from used.clients.members


def named_files(tls: JSONObject | None) -> dict[str, str]:
    """The files that a `tls` block names, by key."""
    return {
        key: str(value)
        for key in FILES
        if (value := (tls or {}).get(key)) and not str(value).startswith(ALWAYS_THERE)
    }


def lacks(client: Workload, files: dict[str, str]) -> bool:
    """Whether no mount of a client's proxy holds one of these files."""
    mounts = [mount.rstrip("/") for mount in mounted(client)]
    return any(
        not any(path == mount or path.startswith(f"{mount}/") for mount in mounts)
        for path in files.values()
    )


def mounted(client: Workload) -> Iterator[str]:
    """The paths that are mounted into a client's proxy, as its manifest tells."""
    try:
        stated: JSON = json.loads(client.annotations.get(MOUNTS, "null"))
    except ValueError:
        stated = None
    items = list(stated) if isinstance(stated, list) else []
    template = template_of(client.resource)
    pod = template.get("spec")
    for container in containers(pod) if isinstance(pod, dict) else ():
        if container.get("name") == "istio-proxy" or client.plane is DataPlane.GATEWAY:
            more = container.get("volumeMounts")
            items += more if isinstance(more, list) else []
    for item in items:
        if isinstance(item, dict) and item.get("mountPath"):
            yield str(item["mountPath"])


RULE = Rule(
    id="DR021",
    name="certificate-out-of-reach",
    severity=Severity.WARNING,
    summary="A rule names certificate files that its clients' proxies may not have.",
    fix='write exportTo: ["."], or mount the files into the sidecars',
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({dr.KIND}),
    check=check,
)
