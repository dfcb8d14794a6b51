"""The files that a repository's people write, as classes; one schema is generated from each."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from meshgate.model import (
    Acknowledgement,
    BaselineEntry,
    Difference,
    EnvironmentEntry,
    EnvironmentSettings,
    Expectation,
    Floor,
    GateEntry,
    Invariant,
    Links,
    MeshFacts,
    Pause,
    SyncSettings,
    Traffic,
    Waiver,
    WindowEntry,
)
from meshgate.model.document import (
    SOME,
    DocumentPart,
    EnvironmentName,
    about,
    choice,
)
from meshgate.model.environment import RaisedSeverities
from meshgate.model.sources import Substitutes
from meshgate.model.vendored import VendoredFile


class EnvironmentsFile(DocumentPart, frozen=True, kw_only=True):
    """The environments of a repository, in order, and how changes pass through them."""

    defaults: Annotated[
        EnvironmentSettings,
        about("Of every environment that does not say otherwise: mappings merge, lists replace."),
    ] = EnvironmentSettings()
    environments: Annotated[
        tuple[EnvironmentEntry, ...], SOME, about("In the order a change passes through them.")
    ]
    gates: Annotated[tuple[GateEntry, ...], about("What a promotion waits for, by name.")] = ()
    windows: Annotated[
        tuple[
            Annotated[
                WindowEntry,
                Meta(
                    extra_json_schema={
                        "dependentRequired": {
                            "cron": ["duration"],
                            "duration": ["cron"],
                            "from": ["to"],
                            "to": ["from"],
                        }
                    }
                ),
            ],
            ...,
        ],
        about("When promotions may be merged; deny wins over allow."),
    ] = ()
    paused: Annotated[Pause | None, about("Stops every promotion.")] = None
    supersede: Annotated[
        str, choice("close"), about("What happens to an older open promotion.")
    ] = "close"
    sync: SyncSettings | None = None
    links: Links = Links()


class MeshFile(DocumentPart, frozen=True, kw_only=True):
    """What `lint --mesh FILE` reads: one environment without a repository."""

    name: EnvironmentName = ""
    mesh: MeshFacts = MeshFacts()
    require: Floor = Floor()
    severities: RaisedSeverities = field(default_factory=dict)
    substitute: Annotated[Substitutes, about("Values of variables `${NAME}`.")] = field(
        default_factory=dict
    )


class WaiversFile(DocumentPart, frozen=True, kw_only=True):
    """`waivers/<environment>.yaml`: what is accepted there."""

    waivers: Annotated[
        tuple[
            Annotated[
                Waiver,
                Meta(
                    extra_json_schema={
                        "anyOf": [{"required": ["resource"]}, {"required": ["path"]}]
                    }
                ),
            ],
            ...,
        ],
        about("Accepted findings."),
    ] = ()
    differences: Annotated[
        tuple[Difference, ...],
        about("Ports that may be weaker here than in the environment before."),
    ] = ()
    acknowledgements: Annotated[
        tuple[Acknowledgement, ...],
        about("Breaks that are accepted for one release, as exactly this set."),
    ] = ()


class BaselineFile(DocumentPart, frozen=True):
    """`baseline.yaml`: findings that were there when meshgate came. It only ever shrinks."""

    findings: Annotated[
        tuple[BaselineEntry, ...], about("They are counted, and do not fail a run.")
    ] = ()


class ExpectationsFile(DocumentPart, frozen=True):
    """`expectations/<environment>.yaml`: how calls must end there, and who must not get in."""

    expectations: tuple[Expectation, ...] = ()
    invariants: Annotated[
        tuple[Invariant, ...], about("What must hold of everybody: never, only, always.")
    ] = ()


# By the name of the schema: the class of a document, and what it is called for people.
DOCUMENTS: dict[str, tuple[type[DocumentPart], str]] = {
    "baseline": (BaselineFile, "baseline.yaml"),
    "environments": (EnvironmentsFile, "environments.yaml"),
    "expectations": (ExpectationsFile, "expectations/<environment>.yaml"),
    "mesh": (MeshFile, "The file of `meshgate lint --mesh`"),
    "traffic": (Traffic, "Calls seen in reality, as `meshgate traffic capture` writes them"),
    "vendored": (VendoredFile, "vendored.yaml, beside a kustomization that names remote bases"),
    "waivers": (WaiversFile, "waivers/<environment>.yaml"),
}
