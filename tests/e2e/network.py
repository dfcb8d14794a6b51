"""Pods as network namespaces on one bridge, and what runs inside them."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from meshgate.errors import ToolError
from meshgate.process import run

BRIDGE = "br0"
GATEWAY = "10.77.0.1"
WIDTH = 24
TIMEOUT = 30.0
CLONE_NEWNET = 0x40000000

T = TypeVar("T")


class Pod(NamedTuple):
    """A pod of the lab: an address, and a sidecar or none."""

    name: str
    namespace: str
    address: str
    sidecar: bool
    group: str = ""  # of a Service over several pods
    # A gateway's proxy, which no traffic is redirected to; it has no application.
    gateway: bool = False

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def create(pods: Iterable[Pod]) -> None:
    """Make the bridge, which the control plane listens on, and one namespace for each pod."""
    _ip("link", "add", BRIDGE, "type", "bridge")
    _ip("addr", "add", f"{GATEWAY}/{WIDTH}", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")
    for number, pod in enumerate(pods):
        port = f"pod{number}"
        _ip("netns", "add", pod.name)
        _ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", pod.name)
        _ip("link", "set", port, "master", BRIDGE, "up")
        _ip("-n", pod.name, "link", "set", "lo", "up")
        _ip("-n", pod.name, "addr", "add", f"{pod.address}/{WIDTH}", "dev", "eth0")
        _ip("-n", pod.name, "link", "set", "eth0", "up")
        _ip("-n", pod.name, "route", "add", "default", "via", GATEWAY)


def _ip(*arguments: str) -> None:
    run_or_raise(["ip", *arguments])


def run_or_raise(argv: Sequence[str], stdin: bytes = b"") -> bytes:
    """Run a short command. Raises ToolError when it fails."""
    done = run(argv, timeout=TIMEOUT, stdin=stdin)
    if done.code != 0:
        raise ToolError(
            f"{' '.join(argv)} failed", why=done.stderr.strip() or done.stdout.decode().strip()
        )
    return done.stdout


def entering(pod: Pod) -> list[str]:
    """What comes before a command that is to run inside a pod."""
    return ["nsenter", f"--net=/run/netns/{pod.name}"]


def inside(pod: Pod, work: Callable[[], T]) -> T:
    """Do `work` in a thread inside a pod's network: its sockets and programs belong there."""
    with ThreadPoolExecutor(1, initializer=_enter, initargs=(pod,)) as thread:
        return thread.submit(work).result()


def _enter(pod: Pod) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    namespace = os.open(f"/run/netns/{pod.name}", os.O_RDONLY)
    try:
        if library.setns(namespace, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {pod.name}")
    finally:
        os.close(namespace)
