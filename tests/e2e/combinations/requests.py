"""What clients of the lab ask for where the request decides."""

from __future__ import annotations

from typing import NamedTuple

from meshgate.model import JSONObject


class HttpRequest(NamedTuple):
    """An HTTP request, as it is written on the wire.

    host   empty: that of the Service, as clients send it
    plain  only clients without a sidecar send it: a sidecar takes the host for another service
    token  the payload of a JSON Web Token
    """

    method: str
    path: str
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    token: JSONObject | None = None
    plain: bool = False

    def __str__(self) -> str:
        parts = [self.method, self.path]
        if self.host:
            parts.append(f"host {self.host}")
        parts += [f"{name}: {value}" for name, value in self.headers]
        if self.token is not None:
            parts.append(f"token {self.token}")
        return " ".join(parts)
