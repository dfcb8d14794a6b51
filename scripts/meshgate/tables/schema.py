"""The tables and their columns. Whoever changes the meaning of one raises `VERSION`."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import NamedTuple

from meshgate.errors import missing_libraries

VERSION = 2
# By the names that an index knows.
LIBRARIES = "pyarrow", "duckdb"
TEXT, INTEGER, BOOLEAN, DATE, TIME = "text", "integer", "boolean", "date", "time"


class Field(NamedTuple):
    """One column: its type is one of those above, and any value may be null."""

    name: str
    type: str
    about: str


class Table(NamedTuple):
    """One table; a row has a value for each of the fields, in their order."""

    name: str
    about: str
    fields: tuple[Field, ...]


# What every table begins with: a folder may hold the tables of many runs.
RUN = (
    Field("run", TEXT, "the run: the commit that is checked out, or what --run says"),
    Field("day", DATE, "the day by which dates were judged"),
    Field("began", TIME, "when the run began: no two runs have the same"),
    Field("environment", TEXT, "the environment; null: of none"),
)


def _table(name: str, about: str, *fields: tuple[str, str, str]) -> Table:
    return Table(name, about, (*RUN, *(Field(*each) for each in fields)))


TABLES = {
    table.name: table
    for table in (
        _table(
            "environments",
            "one row an environment",
            ("judged", BOOLEAN, "whether it could be judged"),
            ("refused", TEXT, "why it could not be"),
            ("policies", INTEGER, "objects that are managed here"),
            ("inventory", INTEGER, "objects that run there"),
            ("mode", TEXT, "pinned or floating"),
            ("ring", INTEGER, "its ring, where it has one"),
            ("after", TEXT, "the environments before it, with commas"),
            ("labels", TEXT, "labels of its clusters, `key=value` with commas"),
            ("istio", TEXT, "minor version of Istio"),
            ("floor", TEXT, "the weakest mode it requires"),
            ("has_mesh", BOOLEAN, "whether there was an inventory to judge calls by"),
        ),
        _table(
            "servers",
            "one row a container port that is known, of every workload",
            ("namespace", TEXT, "of the workload"),
            ("workload", TEXT, "its name"),
            ("kind", TEXT, "its kind, as Deployment"),
            ("plane", TEXT, "sidecar, ambient, gateway, none, unknown"),
            ("port", INTEGER, "the container port; null: all that have no answer of their own"),
            ("mode", TEXT, "STRICT, PERMISSIVE, DISABLE; null: no PeerAuthentication reaches it"),
            ("plaintext", BOOLEAN, "whether it may accept plaintext"),
            ("captured", BOOLEAN, "whether the proxy has the port's traffic"),
            ("decided", BOOLEAN, "whether the answer follows from what was read"),
            ("reason", TEXT, "why it does not"),
            ("policy", TEXT, "the object that decides; null: Istio's default"),
            ("level", TEXT, "mesh, namespace, workload or port"),
            ("admits", TEXT, "who gets in"),
        ),
        _table(
            "calls",
            "one row a class of calls: clients that are treated alike, to one service port",
            ("client", TEXT, "its name, or the clients that it stands for"),
            ("client_namespace", TEXT, "null: clients of all namespaces"),
            ("client_plane", TEXT, "as of servers"),
            ("clients", INTEGER, "how many clients"),
            ("host", TEXT, "the service that is called"),
            ("namespace", TEXT, "of the service"),
            ("outside", BOOLEAN, "whether the service has no sidecar, on purpose"),
            ("port", INTEGER, "the service port"),
            ("subset", TEXT, "the subset that a route leads to"),
            ("sends", TEXT, "what the client sends"),
            ("accepts", TEXT, "the mode of the server"),
            ("outcome", TEXT, "what becomes of the call"),
            ("verdict", TEXT, "works, broken, depends, unknown"),
            ("rule", TEXT, "the DestinationRules that decide"),
            ("reason", TEXT, "why it is not decided"),
            ("calls", INTEGER, "how many pairs of client and endpoint"),
        ),
        _table(
            "policies",
            "one row an object that is managed here",
            ("api_version", TEXT, ""),
            ("kind", TEXT, ""),
            ("namespace", TEXT, "null: cluster-wide, or none is said"),
            ("name", TEXT, ""),
            ("file", TEXT, "where it is written"),
            ("line", INTEGER, ""),
            ("digest", TEXT, "of all it says: equal objects have equal digests"),
        ),
        _table(
            "findings",
            "one row a finding, accepted ones included",
            ("rule", TEXT, "its id"),
            ("name", TEXT, "its name"),
            ("severity", TEXT, "error, warning, info"),
            ("decided", BOOLEAN, ""),
            ("resource", TEXT, "Kind/namespace/name"),
            ("path", TEXT, "the field"),
            ("message", TEXT, ""),
            ("fix", TEXT, ""),
            ("file", TEXT, ""),
            ("line", INTEGER, ""),
            ("column", INTEGER, ""),
            ("fingerprint", TEXT, "stays the same while the finding does"),
            ("accepted_by", TEXT, "the owner of its waiver, or `baseline`; null: it is open"),
        ),
        _table(
            "exceptions",
            "one row an exception that somebody wrote down",
            ("kind", TEXT, "waiver, difference, acknowledgement"),
            ("rule", TEXT, "of a waiver"),
            ("place", TEXT, "what it is for"),
            ("owner", TEXT, ""),
            ("reason", TEXT, ""),
            ("expires", DATE, "the last day it holds"),
            ("findings", INTEGER, "how many it covers"),
        ),
        _table(
            "ledger",
            "one row an event of promotion, as the files of promotion/ledger/ have it",
            ("sequence", INTEGER, ""),
            ("event", TEXT, "promote, rollback, hotfix, hold, resume, reject, adopt"),
            ("release", TEXT, ""),
            ("alias", TEXT, "what people call the release"),
            ("created", TIME, "UTC"),
            ("commit", TEXT, "where the release comes from"),
        ),
    )
}


def library(name: str) -> ModuleType:
    """Pyarrow or DuckDB. Raises ToolError where the extra is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise missing_libraries(*LIBRARIES, use="What makes and asks tables") from error
