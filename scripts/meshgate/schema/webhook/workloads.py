"""WorkloadEntry, WorkloadGroup, and the endpoints of a ServiceEntry."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from meshgate.model import JSONObject, Resource
from meshgate.schema import golang
from meshgate.schema.webhook.hosts import fqdn, is_dns_label
from meshgate.schema.webhook.listeners import UNIX, unix_socket
from meshgate.schema.webhook.problem import Path, Problem, port_number
from meshgate.schema.webhook.selectors import tags
from meshgate.wording.phrases import shown

HEADER_NAME = re.compile(r"[-A-Za-z0-9]+")
METHODS = frozenset({"httpGet", "tcpSocket", "exec"})


def entry_problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a WorkloadEntry."""
    yield from workload_entry(resource.spec, ("spec",), ports=None, by_name=True)


def endpoint_ports(
    endpoint: JSONObject, path: Path, names: Collection[str] | None
) -> Iterator[Problem]:
    """Ports by the name they have in the ServiceEntry, whose names are `names`."""
    for name, number in endpoint.get("ports", {}).items():
        here = (*path, "ports", name)
        if names is not None and name not in names:
            yield Problem(here, f"the ServiceEntry has no port named `{name}`")
        if not is_dns_label(name):
            yield Problem(here, f"`{name}` is no DNS label")
        yield from port_number(number, here)


def workload_entry(
    entry: JSONObject, path: Path, *, ports: Collection[str] | None, by_name: bool
) -> Iterator[Problem]:
    """An endpoint; `ports`: those of its ServiceEntry, `by_name`: a host name may stand for it."""
    address = entry.get("address", "")
    if not address and not entry.get("network"):
        yield Problem(path, "`address` is missing")
        return
    if address.startswith(UNIX):
        yield from unix_socket(address, (*path, "address"))
        if entry.get("ports"):
            yield Problem((*path, "ports"), "a Unix socket has no ports")
        if ports is not None and len(ports) != 1:
            yield Problem(
                (*path, "address"), "a Unix socket serves one port; `ports` must have one"
            )
    elif address and not golang.is_ip(address) and not (by_name and fqdn(address) is None):
        also = " nor a host name" if by_name else "; resolution STATIC knows no names"
        yield Problem((*path, "address"), f"{shown(address)} is no IP address{also}")
    yield from endpoint_ports(entry, path, ports)
    yield from tags(entry.get("labels", {}), (*path, "labels"))


def group_problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a WorkloadGroup."""
    spec = resource.spec
    yield from tags(spec.get("metadata", {}).get("labels", {}), ("spec", "metadata", "labels"))
    probe = spec.get("probe")
    if probe is None:
        return
    if not METHODS & probe.keys():
        yield Problem(("spec", "probe"), "must set `httpGet`, `tcpSocket` or `exec`")
    elif "exec" in probe and not probe["exec"]["command"]:
        yield Problem(("spec", "probe", "exec", "command"), "is empty")
    for index, header in enumerate(probe.get("httpGet", {}).get("httpHeaders", ())):
        if not HEADER_NAME.fullmatch(header.get("name", "")):
            path = ("spec", "probe", "httpGet", "httpHeaders", index)
            yield Problem(path, f"{shown(header.get('name', ''))} is no header name of a probe")
