"""A promotion with something to say in every section, and one that is hostile in every text."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TypeVar

from msgspec import Struct, structs

from meshgate.effect import (
    CallChange,
    CallState,
    Change,
    Clients,
    Effect,
    PortChange,
    PortState,
    Strength,
)
from meshgate.effect.clients import CommonClass
from meshgate.mesh import DataPlane, DecidedBy, Level, Mode, Outcome, Tls, Workload, verdict
from meshgate.model import Resource
from meshgate.promotion.environment_state import (
    EnvironmentState,
    Event,
    Previous,
    RenderedFiles,
    Source,
)
from meshgate.promotion.guards import Refusal
from meshgate.promotion.page import PageContents, WeakenedPort
from meshgate.promotion.recorded_effects import recorded_effects
from meshgate.promotion.records import (
    Bypass,
    GateResult,
    GateVerdict,
    InputChange,
    PromotionRecord,
    Upstream,
)

NOW = dt.datetime(2026, 8, 22, 9, 30, tzinfo=dt.UTC)
RELEASE = "r-0a1b2c3d4e5f"
SOURCE = Source(commit="a" * 40, policies_tree="b" * 40, overlays_tree="c" * 40, toolchain="d" * 40)
RENDERED = RenderedFiles("e" * 40, "f" * 64, 23, "overlays/prod")

Value = TypeVar("Value")


def replace(value: Value, **changes: object) -> Value:
    """A copy with other fields, of a dataclass or of a class of msgspec."""
    if isinstance(value, Struct):
        return structs.replace(value, **changes)
    return dataclasses.replace(value, **changes)  # type: ignore[type-var] # else it is one


def workload(name: str, plane: DataPlane = DataPlane.SIDECAR) -> Workload:
    namespace, name = name.split("/", 1)
    deployment = Resource("apps/v1", "Deployment", namespace, name, {})
    return Workload(namespace, name, "Deployment", {}, (), plane, "default", deployment)


def side(mode: Mode, level: Level, policy: str = "") -> PortState:
    namespace, _, name = policy.partition("/")
    resource = Resource("security.istio.io/v1", "PeerAuthentication", namespace, name, {})
    return PortState(mode, DecidedBy(level, resource if policy else None))


def port(name: str, number: int, before: PortState, after: PortState) -> PortChange:
    tightens = after.mode is Mode.STRICT
    change = Strength.TIGHTENED if tightens else Strength.LOOSENED
    return PortChange(workload(name), number, before, after, change)


def state(outcome: Outcome) -> CallState:
    return CallState(
        outcome, None, verdict(outcome, None), Tls.NONE, None, rules=(), subset=None, endpoint=None
    )


def clients(*names: str, plane: DataPlane = DataPlane.SIDECAR) -> Clients:
    classes = []
    for name in names:
        common = CommonClass(None, None, None)
        common.members.append(workload(name, plane))
        classes.append(common)
    return Clients(classes, len(names), classes[0])


def call(who: Clients, host: str, before: Outcome, after: Outcome, change: Change) -> CallChange:
    return CallChange(who, host, 8080, state(before), state(after), change, counts=True)


STRICT = side(Mode.STRICT, Level.NAMESPACE, "boards/default")
PERMISSIVE = side(Mode.PERMISSIVE, Level.MESH, "istio-system/default")
HOST = "boards-api.boards.svc.cluster.local"

EFFECT = Effect(
    ports=(
        port("boards/api", 8080, PERMISSIVE, STRICT),
        port("boards/web", 8080, PERMISSIVE, STRICT),
        port("default/legacy", 9090, STRICT, side(Mode.PERMISSIVE, Level.DEFAULT)),
    ),
    calls=(
        call(clients("default/batch"), HOST, Outcome.OK_PLAINTEXT, Outcome.REFUSED, Change.BREAKS),
        call(clients("boards/web"), HOST, Outcome.OK_MTLS, Outcome.OK_MTLS, Change.MOVED),
        call(
            clients(*(f"{n % 3}/old-{n}" for n in range(12)), plane=DataPlane.NONE),
            "boards-*.boards.svc.cluster.local",
            Outcome.OK_PLAINTEXT,
            Outcome.REFUSED,
            Change.SHUT_OUT,
        ),
    ),
)
EFFECTS = replace(
    recorded_effects(EFFECT, {"digest": "1" * 64, "at": "2026-08-21T04:00:00Z"}, 17),
    digest="9f2c" * 16,
    deleted=(
        {
            "resource": "PeerAuthentication/default/legacy",
            "uncovers": "1 port falls back to the default of Istio, PERMISSIVE",
        },
    ),
)

RECORD = PromotionRecord(
    environment="prod",
    sequence=7,
    event=Event.PROMOTE,
    release=RELEASE,
    alias="2026-08-22.3",
    source=SOURCE,
    rendered=RENDERED,
    previous=Previous(sequence=6, release="r-000000000006", record_sha256="6" * 64),
    previous_tree="0" * 40,
    added=("rendered/prod/boards/peerauthentication-default.yaml",),
    changed=("rendered/prod/boards/destinationrule-boards-api.yaml",),
    removed=("rendered/prod/default/peerauthentication-legacy.yaml",),
    changes=(
        InputChange("1" * 40, "boards: require mTLS", "Ada L <ada@example.com>", (), 41),
        InputChange(
            "2" * 40,
            "default: drop the policy of legacy, which is gone",
            "Grace H <grace@example.com>",
            ("Ada L <ada@example.com>",),
        ),
    ),
    effects=EFFECTS,
    gates=(
        GateResult(
            "soak", GateVerdict.WAITING, "1d 4h of 2d in staging; ends 2026-08-23 05:30 UTC"
        ),
        GateResult("window", GateVerdict.PASS, "weekdays 08:00-16:00 Europe/Berlin"),
        GateResult("traffic", GateVerdict.NOT_APPLICABLE, "no forge to read evidence from"),
    ),
    upstream=(
        Upstream(
            "staging",
            RELEASE,
            NOW - dt.timedelta(days=1, hours=4),
            NOW - dt.timedelta(days=1, hours=3),
            28 * 3600,
            "traffic ok",
        ),
    ),
    exercised_below=("boards/api:8080 STRICT", "boards/web:8080 STRICT"),
    untested_below=("default/legacy:9090 PERMISSIVE",),
    acknowledges=({"finding": "breaks 9f2c9f2c9f2c", "by": "team-boards", "until": "2026-09-01"},),
    rollback_command="meshgate rollback prod --to 6 --reason '...'",
    created_at=NOW,
)

BEFORE = EnvironmentState(
    environment="prod",
    sequence=6,
    release="r-000000000006",
    alias="2026-08-14.1",
    source=SOURCE,
    rendered=RENDERED,
    record="promotion/ledger/prod/0006-promote-r-000000000006.yaml",
    record_sha256="6" * 64,
)
STATE = replace(
    BEFORE,
    sequence=7,
    release=RELEASE,
    alias=RECORD.alias,
    record=RECORD.path,
    record_sha256="7" * 64,
    previous=RECORD.previous,
)

CONTENTS = PageContents(
    record=RECORD,
    state=STATE,
    before=BEFORE,
    effect=EFFECT,
    diffs={
        "boards/destinationrule-boards-api.yaml": (
            "--- a/boards/destinationrule-boards-api.yaml\n"
            "+++ b/boards/destinationrule-boards-api.yaml\n"
            "@@ -8,3 +8,3 @@\n   trafficPolicy:\n     tls:\n-      mode: DISABLE\n"
            "+      mode: ISTIO_MUTUAL\n"
        )
    },
    differences=(
        WeakenedPort("default/legacy:9090 is PERMISSIVE here, STRICT in staging"),
        WeakenedPort(
            "boards/db:5432 is DISABLE here, STRICT in staging",
            "team-boards, until 2026-12-01: the database has no sidecar here",
        ),
    ),
)

# What an author of manifests and commits may write to be believed.
EVIL = (
    "</details>\n```\n# Approved by @security --> <script>alert(1)</script> | `x` | "
    "[click](javascript:alert(1)) closes #1 \u202e\x1b[31m"
)


def hostile(text: str, many: int = 1) -> PageContents:
    """A contents with one text wherever an author could put one, `many` times."""
    strange = side(Mode.STRICT, Level.WORKLOAD, f"{text}/{text}")
    ports = (port(f"{text}/{text}", 1, strange, strange),) * many
    change = call(clients(f"{text}/{text}"), text, Outcome.UNKNOWN, Outcome.UNKNOWN, Change.EXPOSED)
    effect = Effect(
        ports=(*ports, *(replace(each, change=Strength.LOOSENED) for each in ports)),
        calls=(change, replace(change, change=Change.BREAKS)) * many,
    )
    record = replace(
        RECORD,
        alias=text,
        added=(text,) * many,
        changed=(text,) * many,
        removed=(text,) * many,
        changes=(InputChange(text, text, text, (text,)),) * many,
        effects=replace(
            recorded_effects(effect, {"at": text}, 0),
            deleted=({"resource": text, "uncovers": text},) * many,
        ),
        gates=(GateResult(text, GateVerdict.FAIL, text, ({"url": text},)),) * many,
        upstream=(Upstream(text, text, NOW, NOW, 3600, text),) * many,
        exercised_below=(text,) * many,
        untested_below=(text,) * many,
        bypasses=(Bypass(text, text, text, text),) * many,
        acknowledges=({"finding": text, "by": text, "until": text},) * many,
        reason=text,
        ticket=text,
        rollback_command=text,
    )
    return replace(
        CONTENTS,
        record=record,
        before=replace(BEFORE, alias=text),
        effect=effect,
        diffs={f"{index}{text}": text * 5 for index in range(many)},
        refusals=(Refusal("PR01", text, text, text),) * many,
        waits=(Refusal("PR19", text, text, text, waits=True),) * many,
        differences=(WeakenedPort(text, text),) * many,
        notes=(text,) * many,
    )
