"""What is read of the kinds that are modelled, field by field: a new field of a CRD has no row.

Paths are those of the CRD's schema, to its leaves: `[]` stands for an item of a list, `*` for a
value of a map. In a DestinationRule, a policy of a subset or of a port has the fields of the
rule's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from meshgate.mesh.coverage import CoverageColumn

_IS = CoverageColumn.MODELLED
_OPEN = CoverageColumn.UNDECIDED
_NOT = CoverageColumn.IRRELEVANT


class Fields(NamedTuple):
    """Some fields of a kind below one path: `leaves` are separated by spaces.

    about  what they leave undecided, or why no call depends on them
    """

    column: CoverageColumn
    below: str
    leaves: str
    about: str = ""

    @property
    def paths(self) -> Iterator[str]:
        """The paths of the fields, without `spec`."""
        for leaf in self.leaves.split():
            yield f"{self.below}.{leaf}" if self.below else leaf


_CERTIFICATES = "certificates are never read: whether the two ends take them is not asked"
_CAPACITY = "how much at once, and for how long: not whether a call is taken"
_WHICH = "which of the endpoints gets a call, not what becomes of it there"
_TOKENS = "a token is taken to be genuine, for this audience, and where it is looked for"
_AS_IT_ARRIVES = "what policies let in is shown for requests as they arrive at the server"
_ROUTES = "which requests take a route: every route that one may take is told"
_POOL_HTTP = (
    "h2UpgradePolicy http1MaxPendingRequests http2KeepAlive.interval http2KeepAlive.timeout "
    "http2MaxRequests idleTimeout maxConcurrentStreams maxRequestsPerConnection maxRetries "
    "useClientProtocol"
)
_POOL_TCP = (
    "connectTimeout idleTimeout maxConnectionDuration maxConnections tcpKeepalive.interval "
    "tcpKeepalive.probes tcpKeepalive.time"
)
_SERVER_TLS = (
    "caCertCredentialName caCertificates caCrl cipherSuites.[] credentialName credentialNames.[] "
    "insecureSkipVerify maxProtocolVersion minProtocolVersion privateKey serverCertificate "
    "subjectAltNames.[] tlsCertificates.[].caCertificates tlsCertificates.[].privateKey "
    "tlsCertificates.[].serverCertificate verifyCertificateHash.[] verifyCertificateSpki.[]"
)
_MATCHES = " ".join(
    f"{field}.{form}"
    for field in (
        "authority",
        "headers.*",
        "method",
        "queryParams.*",
        "scheme",
        "uri",
        "withoutHeaders.*",
    )
    for form in ("exact", "prefix", "regex")
)
_HEADERS = (
    "headers.request.add.* headers.request.remove.[] headers.request.set.* headers.response.add.* "
    "headers.response.remove.[] headers.response.set.*"
)
_DESTINATION = "destination.host destination.port.number destination.subset"
_TARGETS = "targetRef.kind targetRef.name targetRef.group"
_TARGET_LIST = "targetRefs.[].kind targetRefs.[].name targetRefs.[].group"
_NAMESPACE = "targetRef.namespace targetRefs.[].namespace"
_SAME_NAMESPACE = "istiod's webhook refuses any, and what it names never matches"

FIELDS: Mapping[str, tuple[Fields, ...]] = {
    "DestinationRule": (
        Fields(_IS, "", "host exportTo.[] workloadSelector.matchLabels.*"),
        Fields(_IS, "subsets.[]", "name labels.*"),
        Fields(_IS, "trafficPolicy", "portLevelSettings.[].port.number loadBalancer.simple"),
        Fields(_IS, "trafficPolicy.tls", "mode sni credentialName"),
        Fields(
            _OPEN,
            "trafficPolicy.tls",
            "subjectAltNames.[]",
            "calls by ISTIO_MUTUAL to a server of another identity; of SIMPLE and MUTUAL "
            "certificates are not read anyway",
        ),
        Fields(
            _NOT,
            "trafficPolicy.tls",
            "caCertificates caCrl clientCertificate privateKey insecureSkipVerify",
            _CERTIFICATES,
        ),
        Fields(
            _OPEN,
            "trafficPolicy",
            "tunnel.protocol tunnel.targetHost tunnel.targetPort proxyProtocol.version",
            "calls by the rule: something else than the application's bytes is sent",
        ),
        Fields(_NOT, "trafficPolicy.connectionPool.http", _POOL_HTTP, _CAPACITY),
        Fields(_NOT, "trafficPolicy.connectionPool.tcp", _POOL_TCP, _CAPACITY),
        Fields(
            _NOT,
            "trafficPolicy.retryBudget",
            "budgetInterval minRetryConcurrency percent",
            _CAPACITY,
        ),
        Fields(
            _NOT,
            "trafficPolicy.outlierDetection",
            "baseEjectionTime consecutive5xxErrors consecutiveErrors consecutiveGatewayErrors "
            "consecutiveLocalOriginFailures interval maxEjectionPercent minHealthPercent "
            "outlierDetectionHttpErrorCodes.[] splitExternalLocalOriginErrors",
            _WHICH,
        ),
        Fields(
            _NOT,
            "trafficPolicy.loadBalancer",
            "consistentHash.httpCookie.attributes.[].name "
            "consistentHash.httpCookie.attributes.[].value consistentHash.httpCookie.name "
            "consistentHash.httpCookie.path consistentHash.httpCookie.ttl "
            "consistentHash.httpHeaderName consistentHash.httpQueryParameterName "
            "consistentHash.maglev.tableSize consistentHash.minimumRingSize "
            "consistentHash.ringHash.minimumRingSize consistentHash.useSourceIp "
            "localityLbSetting.distribute.[].from localityLbSetting.distribute.[].to.* "
            "localityLbSetting.enabled localityLbSetting.failover.[].from "
            "localityLbSetting.failover.[].to localityLbSetting.failoverPriority.[] "
            "warmup.aggression warmup.duration warmup.minimumPercent warmupDurationSecs "
            "zoneAwareLbSetting.enabled zoneAwareLbSetting.failover.[].from "
            "zoneAwareLbSetting.failover.[].to zoneAwareLbSetting.failoverPriority.[] "
            "zoneAwareLbSetting.minClusterSize",
            _WHICH,
        ),
    ),
    "VirtualService": (
        Fields(_IS, "", "hosts.[] gateways.[] exportTo.[]"),
        Fields(_IS, "http.[]", "delegate.name delegate.namespace"),
        Fields(_IS, "http.[].match.[]", "gateways.[] port sourceLabels.* sourceNamespace"),
        Fields(_IS, "http.[].route.[]", f"{_DESTINATION} weight"),
        Fields(_IS, "tcp.[].match.[]", "gateways.[] port sourceLabels.* sourceNamespace"),
        Fields(_IS, "tcp.[].route.[]", f"{_DESTINATION} weight"),
        Fields(
            _IS, "tls.[].match.[]", "gateways.[] port sniHosts.[] sourceLabels.* sourceNamespace"
        ),
        Fields(_IS, "tls.[].route.[]", f"{_DESTINATION} weight"),
        Fields(
            _IS,
            "http.[]",
            "directResponse.body.bytes directResponse.body.string directResponse.status "
            "redirect.authority redirect.derivePort redirect.port redirect.prefixRewrite "
            "redirect.redirectCode redirect.scheme redirect.uri",
        ),
        Fields(
            _OPEN,
            "http.[].fault.abort",
            "grpcStatus http2Error httpStatus percentage.value",
            "calls to the destinations of the route",
        ),
        Fields(_NOT, "http.[].match.[]", f"{_MATCHES} ignoreUriCase", _ROUTES),
        Fields(
            _NOT,
            "",
            "tcp.[].match.[].destinationSubnets.[] tcp.[].match.[].sourceSubnet "
            "tls.[].match.[].destinationSubnets.[]",
            _ROUTES,
        ),
        Fields(
            _NOT,
            "http.[].fault.delay",
            "exponentialDelay fixedDelay percent percentage.value",
            "a request is late, and gets there",
        ),
        Fields(
            _NOT,
            "http.[]",
            "mirror.host mirror.port.number mirror.subset mirrorPercent mirrorPercentage.value "
            "mirror_percent mirrors.[].destination.host mirrors.[].destination.port.number "
            "mirrors.[].destination.subset mirrors.[].percentage.value",
            "a copy of which nobody gets the answer",
        ),
        Fields(
            _NOT,
            "http.[]",
            "retries.attempts retries.backoff retries.perTryTimeout "
            "retries.retryIgnorePreviousHosts retries.retryOn retries.retryRemoteLocalities "
            "timeout",
            _CAPACITY,
        ),
        Fields(
            _NOT,
            "http.[].corsPolicy",
            "allowCredentials allowHeaders.[] allowMethods.[] allowOrigin.[] "
            "allowOrigins.[].exact allowOrigins.[].prefix allowOrigins.[].regex exposeHeaders.[] "
            "maxAge unmatchedPreflights",
            "what browsers are told",
        ),
        Fields(
            _NOT,
            "http.[]",
            f"{_HEADERS} rewrite.authority rewrite.uri rewrite.uriRegexRewrite.match "
            "rewrite.uriRegexRewrite.rewrite",
            _AS_IT_ARRIVES,
        ),
        Fields(_NOT, "http.[].route.[]", _HEADERS, _AS_IT_ARRIVES),
        Fields(_NOT, "http.[]", "name match.[].name match.[].statPrefix", "what it is called"),
    ),
    "Gateway": (
        Fields(_IS, "", "selector.*"),
        Fields(
            _IS,
            "servers.[]",
            "bind hosts.[] port.name port.number port.protocol tls.mode",
        ),
        Fields(
            _OPEN, "servers.[].tls", "httpsRedirect", "plaintext calls to the port of the gateway"
        ),
        Fields(_NOT, "servers.[].tls", _SERVER_TLS, _CERTIFICATES),
        Fields(
            _NOT,
            "servers.[]",
            "defaultEndpoint port.targetPort name",
            "a name, and fields that Istio does not read",
        ),
    ),
    "ServiceEntry": (
        Fields(
            _IS,
            "",
            "addresses.[] exportTo.[] hosts.[] location resolution workloadSelector.labels.*",
        ),
        Fields(_IS, "ports.[]", "name number protocol targetPort"),
        Fields(_IS, "endpoints.[]", "address labels.* ports.*"),
        Fields(_NOT, "endpoints.[]", "locality weight", _WHICH),
        Fields(
            _NOT,
            "",
            "endpoints.[].network endpoints.[].serviceAccount subjectAltNames.[]",
            "one network and its certificates: several networks are not modelled, and identities "
            "of servers are not asked for",
        ),
    ),
    "WorkloadEntry": (
        Fields(_IS, "", "address labels.* ports.*"),
        Fields(_IS, "", "serviceAccount"),
        Fields(_NOT, "", "locality weight", _WHICH),
        Fields(_NOT, "", "network", "one network: several are not modelled"),
    ),
    "Sidecar": (
        Fields(_IS, "", "workloadSelector.labels.* outboundTrafficPolicy.mode"),
        Fields(_IS, "egress.[]", "hosts.[] port.number port.protocol"),
        Fields(_IS, "ingress.[]", "port.number port.protocol"),
        Fields(
            _OPEN,
            "",
            "egress.[].captureMode ingress.[].captureMode",
            "calls of, or to, the proxies it is for, where it is NONE",
        ),
        Fields(
            _NOT,
            "ingress.[].tls",
            f"mode httpsRedirect {_SERVER_TLS}",
            "istiod takes it for nothing, unless ENABLE_TLS_ON_SIDECAR_INGRESS is set",
        ),
        Fields(
            _OPEN,
            "outboundTrafficPolicy.egressProxy",
            "host port.number subset",
            "calls of the proxies it is for",
        ),
        Fields(
            _NOT,
            "",
            "egress.[].bind egress.[].port.name egress.[].port.targetPort ingress.[].bind "
            "ingress.[].defaultEndpoint ingress.[].port.name ingress.[].port.targetPort",
            "where a proxy listens, or hands on to its own application",
        ),
        Fields(_NOT, "inboundConnectionPool.http", _POOL_HTTP, _CAPACITY),
        Fields(_NOT, "inboundConnectionPool.tcp", _POOL_TCP, _CAPACITY),
        Fields(_NOT, "ingress.[].connectionPool.http", _POOL_HTTP, _CAPACITY),
        Fields(_NOT, "ingress.[].connectionPool.tcp", _POOL_TCP, _CAPACITY),
    ),
    "PeerAuthentication": (
        Fields(_IS, "", "mtls.mode portLevelMtls.*.mode selector.matchLabels.*"),
    ),
    "AuthorizationPolicy": (
        Fields(_IS, "", f"action provider.name selector.matchLabels.* {_TARGETS} {_TARGET_LIST}"),
        Fields(
            _IS,
            "rules.[].from.[].source",
            "ipBlocks.[] namespaces.[] notIpBlocks.[] notNamespaces.[] notPrincipals.[] "
            "notRemoteIpBlocks.[] notRequestPrincipals.[] notServiceAccounts.[] "
            "notTrustDomains.[] principals.[] remoteIpBlocks.[] requestPrincipals.[] "
            "serviceAccounts.[] trustDomains.[]",
        ),
        Fields(
            _IS,
            "rules.[].to.[].operation",
            "hosts.[] methods.[] notHosts.[] notMethods.[] notPaths.[] notPorts.[] paths.[] "
            "ports.[]",
        ),
        Fields(_IS, "rules.[].when.[]", "key notValues.[] values.[]"),
        Fields(_NOT, "", _NAMESPACE, _SAME_NAMESPACE),
    ),
    "RequestAuthentication": (
        Fields(_IS, "", f"selector.matchLabels.* {_TARGETS} {_TARGET_LIST}"),
        Fields(_IS, "jwtRules.[]", "issuer spaceDelimitedClaims.[]"),
        Fields(
            _NOT,
            "jwtRules.[]",
            "audiences.[] fromCookies.[] fromHeaders.[].name fromHeaders.[].prefix fromParams.[] "
            "jwks jwksUri jwks_uri timeout",
            _TOKENS,
        ),
        Fields(
            _NOT,
            "jwtRules.[]",
            "forwardOriginalToken outputClaimToHeaders.[].claim outputClaimToHeaders.[].header "
            "outputPayloadToHeader",
            "what the application is told of a token, after policies are asked",
        ),
        Fields(_NOT, "", _NAMESPACE, _SAME_NAMESPACE),
    ),
}
