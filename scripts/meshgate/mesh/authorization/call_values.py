"""The value that one concrete call has for each attribute."""

from __future__ import annotations

from meshgate.mesh.authorization.attributes import (
    Address,
    Attribute,
    Chain,
    Connection,
    Kind,
    Normalization,
    Request,
    TokenIssuers,
    TokenPrincipal,
    Value,
)
from meshgate.mesh.authorization.paths import normalized, without_query
from meshgate.model import JSON, JSONObject


class CallValues:
    """One request over one connection, or the connection alone where `request` is None."""

    __slots__ = ("_claims", "_fixed", "_headers", "_issuers", "is_unauthenticated")

    def __init__(
        self,
        connection: Connection,
        request: Request | None,
        issuers: TokenIssuers,
        normalization: Normalization,
    ) -> None:
        self._issuers = issuers
        # A token that jwt_authn refuses.
        self.is_unauthenticated = False
        self._claims: JSONObject = {}
        self._headers: dict[str, str] = {}
        self._fixed: dict[Kind, Value] = {
            Kind.IDENTITY: connection.identity,
            Kind.SOURCE_IP: connection.source,
            Kind.REMOTE_IP: connection.source,
            Kind.DESTINATION_IP: connection.destination,
            Kind.PORT: connection.port,
            Kind.SNI: connection.sni or None,
        }
        if request is not None and connection.chain is Chain.HTTP:
            self.is_unauthenticated = issuers.refuses(request.token)
            self._claims = issuers.verified(request.token) or {}
            self._headers = request.headers
            self._fixed |= _of_request(request, normalized(request.path, normalization))
            self._fixed[Kind.TOKEN_PRINCIPAL] = TokenPrincipal(
                _text(self._claims.get("iss")), _text(self._claims.get("sub"))
            )
            if connection.trusts_headers:
                self._fixed[Kind.REMOTE_IP] = _forwarded_for(request) or connection.source

    def value(self, attribute: Attribute) -> Value:
        """The value of an attribute; None: the call has none."""
        match attribute.kind:
            case Kind.HEADER:
                return self._headers.get(attribute.name)
            case Kind.CLAIM:
                return self._claim(attribute)
            case kind:
                return self._fixed.get(kind)

    def _claim(self, attribute: Attribute) -> tuple[str, ...] | None:
        value: JSON = self._claims
        for part in attribute.claim:
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, str):
            is_split = self._issuers.splits(attribute.name, self._claims)
            return tuple(value.split()) if is_split else (value,)
        if isinstance(value, list):
            return tuple(item for item in value if isinstance(item, str))
        return None


def _of_request(request: Request, path: str) -> dict[Kind, Value]:
    return {
        Kind.METHOD: request.method,
        Kind.PATH: without_query(path),
        Kind.PATH_AND_QUERY: path,
        Kind.HOST: request.host.lower(),
        Kind.AUTHORITY: request.host,
    }


def _forwarded_for(request: Request) -> Address | None:
    """The client's address as the last hop wrote it; None: there is none that can be read."""
    return Address.of(request.headers.get("x-forwarded-for", "").rpartition(",")[2])


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) else None
