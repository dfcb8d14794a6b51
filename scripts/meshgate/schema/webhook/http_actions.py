"""What an HTTP route does besides routing: faults, redirects, retries, rewrites, CORS."""

from __future__ import annotations

import http
import re
from collections.abc import Iterator

from meshgate.model import JSONObject
from meshgate.schema import golang
from meshgate.schema.webhook.problem import Path, Problem, durations, port_number
from meshgate.schema.webhook.regexes import regex_fault
from meshgate.schema.webhook.routes import regex_match
from meshgate.wording.phrases import shown

METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"}
)
GRPC_STATUS = frozenset(
    {
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    }
)
RETRY_ON = frozenset(
    {
        "5xx",
        "gateway-error",
        "reset",
        "reset-before-request",
        "connect-failure",
        "retriable-4xx",
        "refused-stream",
        "retriable-status-codes",
        "retriable-headers",
        "envoy-ratelimited",
        "http3-post-connect-failure",
        "cancelled",
        "deadline-exceeded",
        "internal",
        "resource-exhausted",
        "unavailable",
    }
)
# The same numbers that Go's net/http has a text for.
STATUS = frozenset(status.value for status in http.HTTPStatus)
CORS_HEADER = re.compile(r"[!#$%&'*+.^_`|~A-Za-z0-9-]+")
SECOND = 10**9
LARGE = 1 << 20
SMALLEST_SHARE = 0.0001


def cors(policy: JSONObject, path: Path) -> Iterator[Problem]:
    """`corsPolicy` (validateCORSPolicy)."""
    for index, origin in enumerate(policy.get("allowOrigins", ())):
        here = (*path, "allowOrigins", index)
        if not any(origin.get(kind) for kind in ("exact", "prefix", "regex")):
            yield Problem(here, "the origin is empty")
        elif origin.get("regex"):
            yield from regex_match(origin, here)
    for index, method in enumerate(policy.get("allowMethods", ())):
        if method not in METHODS:
            yield Problem((*path, "allowMethods", index), f"{shown(method)} is no HTTP method")
    for field in ("allowHeaders", "exposeHeaders"):
        for index, name in enumerate(policy.get(field, ())):
            if not CORS_HEADER.fullmatch(name):
                yield Problem((*path, field, index), f"{shown(name)} is no header name")
    faults = list(durations(policy, path, "maxAge"))
    yield from faults
    if "maxAge" in policy and not faults and golang.duration(policy["maxAge"]) % SECOND:
        yield Problem((*path, "maxAge"), "must be in whole seconds")


def fault_injection(fault: JSONObject, path: Path) -> Iterator[Problem]:
    """`fault` (validateHTTPFaultInjection)."""
    if "abort" not in fault and "delay" not in fault:
        yield Problem(path, "must set `abort` or `delay`")
    abort, delay = fault.get("abort", {}), fault.get("delay", {})
    for name, part in (("abort", abort), ("delay", delay)):
        share = part.get("percentage", {}).get("value", 0)
        if not (share == 0 or SMALLEST_SHARE <= share <= 100):  # noqa: PLR2004 - percent
            yield Problem(
                (*path, name, "percentage", "value"),
                f"is {share}, must be 0 or in {SMALLEST_SHARE}..100",
            )
    if "grpcStatus" in abort and abort["grpcStatus"] not in GRPC_STATUS:
        yield Problem(
            (*path, "abort", "grpcStatus"),
            f"{shown(abort['grpcStatus'])} is no gRPC status such as NOT_FOUND",
        )
    if "http2Error" in abort:
        yield Problem((*path, "abort", "http2Error"), "is not supported by Istio")
    if "httpStatus" in abort:
        yield from _status(abort["httpStatus"], (*path, "abort", "httpStatus"))
    yield from durations(delay, (*path, "delay"), "fixedDelay")
    if "exponentialDelay" in delay:
        yield Problem((*path, "delay", "exponentialDelay"), "is not supported by Istio")


def _status(status: int, path: Path) -> Iterator[Problem]:
    # 600 passes in Istio too.
    if not 200 <= status <= 600:  # noqa: PLR2004 - HTTP status codes
        yield Problem(path, f"{status} is no status of a response (200..599)")


def direct_response(response: JSONObject, path: Path) -> Iterator[Problem]:
    """`directResponse` (validateHTTPDirectResponse)."""
    body = response.get("body", {})
    size = len(body.get("string", "").encode("utf-8", "surrogatepass"))
    size = max(size, len(body.get("bytes", "")) * 3 // 4)
    if size > LARGE:
        yield Problem((*path, "body"), "the body is larger than 1 MiB")
    yield from _status(response.get("status", 0), (*path, "status"))


def redirect(target: JSONObject, matches: list[JSONObject], path: Path) -> Iterator[Problem]:
    """`redirect` (validateHTTPRedirect)."""
    prefix = target.get("prefixRewrite")
    if target.get("uri") and prefix:
        yield Problem((*path, "prefixRewrite"), "cannot stand beside `uri`")
    elif prefix and any("uri" in match and "prefix" not in match["uri"] for match in matches):
        yield Problem((*path, "prefixRewrite"), "needs a `prefix` match in every `uri`")
    fields = ("uri", "prefixRewrite", "authority", "scheme")
    if not any(target.get(field) for field in fields) and not {"port", "derivePort"} & set(target):
        yield Problem(path, "changes nothing: set `uri`, `authority`, `scheme` or `port`")
    code = target.get("redirectCode", 0)
    if code and not 300 <= code <= 399:  # noqa: PLR2004 - HTTP status codes
        yield Problem((*path, "redirectCode"), f"{code} is no redirect (3xx)")
    if target.get("scheme", "") not in {"", "http", "https"}:
        yield Problem((*path, "scheme"), "must be `http` or `https`")
    if target.get("port", 0) > 0:
        yield from port_number(target["port"], (*path, "port"))


def retries(policy: JSONObject, path: Path) -> Iterator[Problem]:
    """`retries` (validateHTTPRetry)."""
    attempts = policy.get("attempts", 0)
    if attempts < 0:
        yield Problem((*path, "attempts"), "must not be negative")
    configured = policy.get("retryOn") or {"perTryTimeout", "retryRemoteLocalities"} & set(policy)
    if attempts == 0 and configured:
        yield Problem(path, "`attempts` is 0, which switches retries off; nothing else may be set")
    yield from durations(policy, path, "perTryTimeout")
    yield from durations(policy, path, "backoff")
    for condition in policy.get("retryOn", "").split(",") if policy.get("retryOn") else ():
        if condition not in RETRY_ON and golang.integer(condition) not in STATUS:
            yield Problem((*path, "retryOn"), f"{shown(condition)} is no condition to retry on")


def rewrite(change: JSONObject, path: Path) -> Iterator[Problem]:
    """`rewrite` (validateHTTPRewrite)."""
    by_regex = change.get("uriRegexRewrite")
    if change.get("uri") and by_regex is not None:
        yield Problem((*path, "uriRegexRewrite"), "cannot stand beside `uri`")
    elif not change.get("uri") and by_regex is None and not change.get("authority"):
        yield Problem(path, "changes nothing: set `uri`, `uriRegexRewrite` or `authority`")
    elif by_regex is not None and not (by_regex.get("match") and by_regex.get("rewrite")):
        yield Problem((*path, "uriRegexRewrite"), "needs both `match` and `rewrite`")
    elif by_regex is not None:
        fault = regex_fault(by_regex["match"])
        if fault is not None:
            yield Problem((*path, "uriRegexRewrite", "match"), fault)
