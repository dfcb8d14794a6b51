"""The whole lab inside the sandbox: API server, istiod, pods with applications and sidecars."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from e2e import apiserver, istiod, network, objects, sandbox, sidecars
from e2e.apiserver import Cluster
from e2e.apps import App
from e2e.istiod import Istiod
from e2e.network import GATEWAY, Pod, entering, run_or_raise
from e2e.objects import Service
from e2e.processes import Processes, every
from e2e.sidecars import Sidecar
from e2e.wire import Wire
from meshgate.errors import ToolError
from meshgate.model import JSONObject

PARTS = (*apiserver.PARTS, "istio", "envoy", "iproute2", "iptables")
# Seconds within which istiod's answer to an applied object is in every Envoy.
SETTLED = 30.0
# What tells one configuration from the next; no client means its host.
MARKER = "lab-marker"
MARKER_HOST = "marker.lab.internal"
MARKER_NETWORK = "240.1"


class Lab:
    """A lab that runs."""

    def __init__(
        self,
        folder: Path,
        cluster: Cluster,
        control: Istiod,
        pods: tuple[Pod, ...],
        listed: tuple[Service, ...],
    ) -> None:
        self.folder = folder
        self.cluster = cluster
        self.control = control
        self.pods = pods
        self.services = listed
        self.apps: list[App] = []
        self.sidecars: list[Sidecar] = []
        self.wire = Wire()
        self._numbers = itertools.count(1)

    def settle(self) -> None:
        """Wait until every Envoy has what istiod makes of the objects in the cluster now.

        A marker is applied last; where its listener is, all before it is too.
        """
        number = next(self._numbers)
        address = f"{MARKER_NETWORK}.{number // 256}.{number % 256}"
        self.cluster.apply(_marker(address))
        # A gateway has no listener for it.
        waiting = [each for each in self.sidecars if not each.pod.gateway]
        for _ in every(0.05, SETTLED):
            waiting = [each for each in waiting if address not in each.admin("listeners")]
            if not waiting:
                return
        raise ToolError(
            "the Envoys did not get the configuration: "
            + ", ".join(str(each.pod) for each in waiting),
            why="\n".join(each.process.tail() for each in waiting),
        )


def _marker(address: str) -> JSONObject:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": MARKER, "namespace": istiod.ROOT},
        "spec": {
            "hosts": [MARKER_HOST],
            "addresses": [address],
            "ports": [{"number": 1, "name": "tcp", "protocol": "TCP"}],
            "resolution": "STATIC",
            "endpoints": [{"address": GATEWAY}],
        },
    }


@contextmanager
def lab(folder: Path, pods: Iterable[Pod], listed: Iterable[Service]) -> Iterator[Lab]:
    """Bring a lab up, inside the sandbox; take it down after the block. Raises ToolError."""
    own, offered = tuple(pods), tuple(listed)
    sandbox.furnish(folder)
    network.create(own)
    with ExitStack() as stack:
        processes = stack.enter_context(Processes(folder / "logs"))
        sandbox.name_hosts(folder, hosts(offered))
        cluster = apiserver.start(processes, folder, GATEWAY)
        cluster.install(apiserver.istio_definitions())
        describe(cluster, own, offered)
        control = istiod.start(processes, folder, cluster, GATEWAY)
        running = Lab(folder, cluster, control, own, offered)
        stack.callback(running.wire.close)
        istiod.validate_with(cluster, control)
        for pod in own:
            if not pod.gateway:
                running.apps.append(app := App(pod))
                stack.callback(app.close)
            if pod.sidecar or pod.gateway:
                if not pod.gateway:
                    sidecars.redirect(pod)
                started = sidecars.start(processes, folder, pod, cluster, control)
                running.sidecars.append(started)
            translate(pod, offered)
        for each in running.sidecars:
            each.process.wait_for(each.is_ready, "its Envoy was ready")
        yield running


def hosts(listed: Iterable[Service]) -> dict[str, str]:
    """What names lead to: a Service's address; of a headless one, its first pod's."""
    named = {istiod.HOST: GATEWAY}
    for service in listed:
        named[service.host] = service.address or service.pods[0].address
    return named


def describe(cluster: Cluster, pods: Iterable[Pod], listed: Iterable[Service]) -> None:
    """Tell the API server of the pods and Services."""
    own = list(pods)
    cluster.apply(*objects.namespaces(own))
    cluster.apply(*objects.workloads(own), *objects.services(listed))
    for pod in own:
        status = json.dumps(objects.running(pod))
        patch = ("patch", "pod", pod.name, "--subresource=status", "--type=merge", "-p", status)
        cluster.kubectl("-n", pod.namespace, *patch)


def translate(pod: Pod, listed: Iterable[Service]) -> None:
    """Lead Service addresses to pods, as kube-proxy does on a node; after a sidecar's own rules."""
    for service in listed:
        for port in service.ports if service.address and not service.external else ():
            for left, target in zip(range(len(service.pods), 0, -1), service.pods, strict=True):
                chance = ["-m", "statistic", "--mode", "nth", "--every", str(left), "--packet", "0"]
                run_or_raise(
                    [
                        *entering(pod),
                        *("iptables", "-t", "nat", "-A", "OUTPUT", "-p", "tcp"),
                        *("-d", service.address, "--dport", str(port.number)),
                        *(chance if left > 1 else ()),
                        *("-j", "DNAT", "--to-destination", f"{target.address}:{port.target}"),
                    ]
                )
