"""What a policy can ask of a call: the attributes, and what one call has of each."""

from __future__ import annotations

import enum
import functools
import ipaddress
from typing import NamedTuple, TypeAlias

from msgspec import Struct, field

from meshgate.model import JSONObject

# Claims whose text holds several values, separated by spaces (jwt_authn's space_delimited_claims).
SPACE_DELIMITED_CLAIMS = frozenset({"scope", "permission"})


class Kind(enum.StrEnum):
    """The kinds of attributes; the value is how texts name them."""

    IDENTITY = "source.principal"
    SOURCE_IP = "source.ip"
    REMOTE_IP = "remote.ip"
    DESTINATION_IP = "destination.ip"
    PORT = "destination.port"
    SNI = "connection.sni"
    METHOD = "method"
    PATH = "path"
    # The path with its query, which `request.headers[:path]` asks for.
    PATH_AND_QUERY = ":path"
    # Host and port as sent, letters folded; `AUTHORITY` is the same text with its case.
    HOST = "host"
    AUTHORITY = ":authority"
    HEADER = "header"
    TOKEN_PRINCIPAL = "request.auth.principal"  # noqa: S105 - the name of an attribute
    CLAIM = "claim"
    METADATA = "metadata"


class Attribute(NamedTuple):
    """One attribute; `name` is that of the header, the claim (`a` or `a][b`) or the metadata."""

    kind: Kind
    name: str = ""

    @property
    def claim(self) -> tuple[str, ...]:
        """The names of a claim inside each other (extractNameInNestedBrackets).

        A name may have dots: `https://issuer.example/roles` is one.
        """
        parts = tuple(self.name.split("]["))
        is_nested = not any(mark in part for part in parts for mark in "[]")
        return parts if is_nested else (self.name,)

    @property
    def words(self) -> str:
        """The name for people."""
        return ".".join(self.claim) if self.kind is Kind.CLAIM else self.name

    def __str__(self) -> str:
        return f"{self.kind} {self.words}" if self.name else str(self.kind)


class Address(Struct, frozen=True):
    """An IP address as a number."""

    version: int
    number: int

    @classmethod
    def of(cls, text: str) -> Address | None:
        """The address that a text holds; None: it holds none."""
        return _address(text)

    def __str__(self) -> str:
        kind = ipaddress.IPv4Address if self.version == 4 else ipaddress.IPv6Address  # noqa: PLR2004 - IPv4
        return str(kind(self.number))


# The same few pods are asked for with every policy and every call.
@functools.lru_cache(maxsize=4096)
def _address(text: str) -> Address | None:
    try:
        parsed = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return Address(parsed.version, int(parsed))


class TokenPrincipal(Struct, frozen=True):
    """Issuer and subject of a verified token; None: the token has no such claim."""

    issuer: str | None
    subject: str | None


Value: TypeAlias = str | int | Address | TokenPrincipal | tuple[str, ...] | None


class Chain(enum.StrEnum):
    """What judges a connection: the HTTP or the network filters of a proxy, or ztunnel."""

    HTTP = "http"
    TCP = "tcp"
    ZTUNNEL = "ztunnel"


class Normalization(enum.StrEnum):
    """MeshConfig `pathNormalization.normalization`; DEFAULT means BASE."""

    NONE = "NONE"
    BASE = "BASE"
    MERGE_SLASHES = "MERGE_SLASHES"
    DECODE_AND_MERGE_SLASHES = "DECODE_AND_MERGE_SLASHES"


class Connection(Struct, frozen=True):
    """What is known of a connection before its first request.

    identity        `TD/ns/NS/sa/SA` that mutual TLS proves; None: none is proven
    source          address of the direct peer; None: files do not tell
    destination     address of the server's pod; None: files do not tell
    port            container port
    sni             server name of the TLS handshake; empty: there is none
    trusts_headers  whether the proxy takes the client's address from X-Forwarded-For as it comes,
                    as sidecars do; gateways put the peer's address there themselves
    """

    chain: Chain
    port: int
    identity: str | None = None
    source: Address | None = None
    destination: Address | None = None
    sni: str = ""
    trusts_headers: bool = True


def outbound_server_name(host: str, port: int) -> str:
    """The TLS server name with which a sidecar calls a Service (BuildDNSSrvSubsetKey).

    `host` is the full host of the Service, `port` the Service's own.
    """
    return f"outbound_.{port}_._.{host}"


class Request(Struct, frozen=True):
    """An HTTP request as it is sent. `headers` has lower-case names; `token` a JWT's payload."""

    method: str
    path: str
    host: str
    headers: dict[str, str] = field(default_factory=dict)
    token: JSONObject | None = None


class SplitClaims(NamedTuple):
    """The claims that one rule of a RequestAuthentication splits at spaces, beside the usual."""

    issuer: str
    claims: frozenset[str]


class TokenIssuers(Struct, frozen=True):
    """What the RequestAuthentications of a workload accept.

    `split` has for each rule its issuer, and the claims of its tokens that are split at spaces.
    """

    issuers: frozenset[str] = frozenset()
    split: tuple[SplitClaims, ...] = ()

    def splits(self, claim: str, token: JSONObject) -> bool:
        """Whether a claim of a token is a list, of what its spaces separate."""
        of_issuer = (own.claims for own in self.split if own.issuer == token.get("iss"))
        return claim in SPACE_DELIMITED_CLAIMS or any(claim in claims for claims in of_issuer)

    def verified(self, token: JSONObject | None) -> JSONObject | None:
        """The token as policies see it; None: nobody verified it."""
        if token is None or token.get("iss") not in self.issuers:
            return None
        return token

    def refuses(self, token: JSONObject | None) -> bool:
        """Whether a request is refused for its token: that of an issuer which nobody verifies."""
        return token is not None and bool(self.issuers) and self.verified(token) is None
