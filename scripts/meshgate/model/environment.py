"""An environment: facts of its mesh, what it requires of policies, how it is promoted to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypedDict

from msgspec import Meta, field

from meshgate.model.baseline import BaselineEntry
from meshgate.model.document import (
    SOME,
    UNIQUE,
    Count,
    DocumentPart,
    Duration,
    EnvironmentName,
    EnvironmentNames,
    Names,
    NamespaceName,
    PlacedAnywhere,
    RuleID,
    SomeEnvironmentNames,
    SomeNames,
    Text,
    about,
    choice,
)
from meshgate.model.finding import Severity
from meshgate.model.sources import ManifestSources, Substitutes, as_text
from meshgate.model.waiver import Acknowledgement, Difference, Expectation, Invariant, Waiver

# The kinds that `require.kinds` means by default, each with its API group: a Gateway of the
# Gateway API is another kind than Istio's.
MESH_KINDS: Mapping[str, str] = {
    "PeerAuthentication": "security.istio.io",
    "DestinationRule": "networking.istio.io",
    "AuthorizationPolicy": "security.istio.io",
    "Gateway": "networking.istio.io",
    "VirtualService": "networking.istio.io",
    "ServiceEntry": "networking.istio.io",
    "Sidecar": "networking.istio.io",
}

# In `require.kinds`: every kind.
ANY_KIND = "*"

RaisedSeverities = Annotated[
    dict[RuleID, Annotated[Severity, choice("warning", "error")]],
    about("Raises a rule above its own severity."),
]


class LabelRequirement(TypedDict, total=False):
    """One entry of `matchExpressions` of a Kubernetes label selector."""

    key: Text
    operator: Annotated[str, choice("In", "NotIn", "Exists", "DoesNotExist")]
    values: list[str]


class LabelSelector(TypedDict, total=False):
    """A Kubernetes label selector, as it is written."""

    matchLabels: dict[str, str]
    matchExpressions: list[LabelRequirement]


class OutsideHost(PlacedAnywhere, frozen=True):
    """A host that has no sidecar, on purpose."""

    host: Text
    reason: Text


class ExtensionProvider(DocumentPart, frozen=True):
    """An external authorizer of MeshConfig `extensionProviders`; CUSTOM policies name it."""

    name: Text
    kind: Annotated[str, choice("http", "grpc")]


class MeshFacts(DocumentPart, frozen=True, kw_only=True):
    """What MeshConfig and the installation say. Defaults are Istio's (pkg/config/mesh/mesh.go)."""

    istio: Annotated[
        str,
        Meta(pattern=r"^1\.[0-9]+$", description="Minor version of Istio; picks the schemas."),
    ] = "1.31"
    distribution: Annotated[
        str,
        choice("istio", "ossm2", "ossm3"),
        about("Who owns the mesh-wide policy: ossm2 lets its operator own it."),
    ] = "istio"
    data_plane: Annotated[str, choice("sidecar", "ambient")] = "sidecar"
    root_namespace: NamespaceName = "istio-system"
    cluster_domain: Text = "cluster.local"
    enable_auto_mtls: bool = True
    default_destination_rule_export_to: tuple[Text, ...] = ("*",)
    outbound_traffic_policy: Annotated[str, choice("ALLOW_ANY", "REGISTRY_ONLY")] = "ALLOW_ANY"
    rewrite_app_http_probe: bool = field(name="rewriteAppHTTPProbe", default=True)
    trust_domain: Annotated[
        Text, about("meshConfig.trustDomain: what identities of this mesh begin with.")
    ] = "cluster.local"
    trust_domain_aliases: Annotated[
        tuple[Text, ...], about("meshConfig.trustDomainAliases: taken for trustDomain in policies.")
    ] = ()
    path_normalization: Annotated[
        str,
        choice("NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"),
        about("meshConfig.pathNormalization: how proxies write a path before policies match it."),
    ] = "BASE"
    extension_providers: Annotated[
        tuple[ExtensionProvider, ...],
        about("meshConfig.extensionProviders that CUSTOM authorization policies name."),
    ] = ()
    network_policies: Annotated[
        str,
        choice("enforced", "ignored"),
        about("Whether the cluster's network plugin enforces NetworkPolicies."),
    ] = "enforced"
    revision: Annotated[
        str,
        about(
            "The control plane's own revision, no tag; absent: not known, and what objects with "
            "`istio.io/rev` do is undecided."
        ),
    ] = ""
    discovery_selectors: Annotated[
        tuple[LabelSelector, ...],
        about("meshConfig.discoverySelectors; absent: every namespace is seen."),
    ] = ()
    outside: Annotated[tuple[OutsideHost, ...], about("Hosts without a sidecar, on purpose.")] = ()

    @property
    def api_server_host(self) -> str:
        """The API server's host, outside every mesh."""
        return f"kubernetes.default.svc.{self.cluster_domain}"


class WildcardHost(DocumentPart, frozen=True):
    """A wildcard host that the floor allows, with the place and the TLS mode it is allowed for."""

    host: Text
    namespace: NamespaceName
    mode: Annotated[str, choice("DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL")] | None = None


class Floor(DocumentPart, frozen=True, kw_only=True):
    """What an environment requires of its policies.

    kinds  None: those of `MESH_KINDS`
    """

    mtls: Annotated[
        str,
        choice("STRICT", "PERMISSIVE", "DISABLE"),
        about("The least mode a server port may enforce."),
    ] = "STRICT"
    wildcard_hosts: Annotated[
        tuple[WildcardHost, ...],
        about("Wildcard hosts that are allowed, each with its place and TLS mode."),
    ] = ()
    kinds: Annotated[
        Annotated[
            tuple[Annotated[str, Meta(pattern=r"^([A-Z][A-Za-z0-9]*|\*)$")], ...], SOME, UNIQUE
        ]
        | None,
        about(
            f"Kinds that may be rendered; absent: {', '.join(MESH_KINDS)}. `*`: any kind, where "
            "applications lie in the same folders."
        ),
    ] = None
    authorization: Annotated[
        str,
        choice("none", "default-deny"),
        about("default-deny: every workload is under an ALLOW policy or a deny-all."),
    ] = "none"
    new_access: Annotated[
        str,
        choice("told", "reviewed"),
        about("reviewed: a change that lets in what was denied needs a team of approvals.access."),
    ] = "told"
    undecided: Annotated[
        str,
        choice("told", "refused"),
        about("refused: what cannot be decided fails `validate`, as `--fail-on undecided` has it."),
    ] = "told"

    @property
    def refuses_undecided(self) -> bool:
        """Whether what cannot be decided fails a run, and keeps a release out."""
        return self.undecided == "refused"


class After(DocumentPart, frozen=True):
    """The environments a change passes before this one: all of them, or any one."""

    all: SomeEnvironmentNames = ()
    any: SomeEnvironmentNames = ()


class SoakTimes(DocumentPart, frozen=True, kw_only=True):
    """How long a release stays in the environment before, by event."""

    promote: Duration | None = None
    hotfix: Duration | None = None
    rollback: Duration | None = None


class ReviewTeams(DocumentPart, frozen=True):
    """Teams of which one must agree."""

    teams: SomeNames


class RequiredApprovals(DocumentPart, frozen=True, kw_only=True):
    """Who must agree to a promotion."""

    count: Annotated[Count, about("How many reviewers, at the head commit.")] = 0
    teams: Annotated[Names, about("They must belong to one of these; none: to any.")] = ()
    not_requester: Annotated[
        bool,
        about(
            "Who asked for the promotion, or opened its pull request, counts neither as a "
            "reviewer nor as the word of a team."
        ),
    ] = True
    weakening: Annotated[ReviewTeams | None, about("Who must agree when a port gets weaker.")] = (
        None
    )
    rules: Annotated[
        ReviewTeams | None, about("Who must agree when a pull request changes the rules.")
    ] = None
    access: Annotated[
        ReviewTeams | None,
        about("Who must agree when policies let in what they denied (newAccess: reviewed)."),
    ] = None

    @property
    def weakening_teams(self) -> tuple[str, ...]:
        """The teams of which one must agree when a port gets weaker."""
        return self.weakening.teams if self.weakening else ()

    @property
    def access_teams(self) -> tuple[str, ...]:
        """The teams of which one must agree when policies let in what they denied."""
        return self.access.teams if self.access else ()

    @property
    def rules_teams(self) -> tuple[str, ...]:
        """The teams of which one must agree when a pull request changes the rules."""
        return self.rules.teams if self.rules else ()


class SignaturePolicy(DocumentPart, frozen=True):
    """Who signs the commits of promotion pull requests."""

    allowed_signers: Annotated[
        Text, about("File of ssh-keygen's allowed signers, relative to this file.")
    ]


class ClusterSelection(DocumentPart, frozen=True):
    """The clusters an environment is synced to."""

    selector: Annotated[dict[str, str], SOME, about("Labels of the clusters.")]
    names: Annotated[
        SomeNames | None,
        about(
            "How Argo CD calls these clusters; `*` stands for any text. Default: the "
            "environment's name, alone or before a hyphen and more."
        ),
    ] = None
    waves: Annotated[
        Annotated[tuple[Annotated[dict[str, str], SOME], ...], SOME] | None,
        about(
            "Labels of the clusters that are synced first, then of the next, and so on. A cluster "
            "in no wave is not synced."
        ),
    ] = None


NamePattern = Annotated[str, Meta(pattern=r"^[a-z0-9-]*\{name\}[a-z0-9-]*$")]


class NamePatterns(DocumentPart, frozen=True):
    """How names of an environment are made of the names that all environments share."""

    namespace: Annotated[NamePattern, about("Of namespaces: `{name}-prod`.")] = "{name}"
    name: Annotated[NamePattern, about("Of objects in them: `{name}-prod`.")] = "{name}"

    def plain_namespace(self, namespace: str) -> str:
        """The name that all environments share; empty: this one carries no environment."""
        return _plain(self.namespace, namespace)

    def plain_name(self, name: str) -> str:
        """The same of an object's name."""
        return _plain(self.name, name)


def _plain(pattern: str, name: str) -> str:
    before, _, after = pattern.partition("{name}")
    fits = name.startswith(before) and name.endswith(after) and len(name) > len(before + after)
    return name[len(before) : len(name) - len(after)] if fits else ""


class EnvironmentSettings(ManifestSources, frozen=True, kw_only=True):
    """What `defaults` may say of every environment, and each environment of itself.

    Where an absent key means something else than any value, the field is None.
    """

    mode: Annotated[
        str,
        choice("floating", "pinned"),
        about(
            "floating: the cluster follows the overlay on main. pinned: it follows "
            "rendered/<name>, which promotion alone writes."
        ),
    ] = "floating"
    order: Annotated[
        EnvironmentNames | After,
        about(
            "The environments a change passes before this one: all of a list, or {any: [...]}.",
            minProperties=1,
            maxProperties=1,
        ),
    ] = field(name="after", default=())
    select: Annotated[str, choice("newest-eligible", "manual")] = "newest-eligible"
    merge: Annotated[str, choice("manual", "tool")] = "manual"
    gates: Annotated[Names | None, about("Names of entries of the top-level `gates`.")] = None
    gates_waived: Annotated[Text | None, about("Why this environment has no gates.")] = None
    soak: SoakTimes | None = None
    approvals: RequiredApprovals | None = None
    unseen_fields: Annotated[
        Count | None,
        about(
            "How many fields may change here to values that the environment before does not "
            "have; 25 by default."
        ),
    ] = None
    signatures: SignaturePolicy | None = None
    clusters: ClusterSelection | None = None
    ring: Count | None = None
    mesh: MeshFacts = MeshFacts()
    require: Floor = Floor()
    severities: RaisedSeverities = field(default_factory=dict)
    names: Annotated[
        NamePatterns,
        about("How names here map to those of other environments, for comparisons with them."),
    ] = NamePatterns()

    @property
    def after(self) -> tuple[str, ...]:
        """The environments that a change passes before this one."""
        return (self.order.all or self.order.any) if isinstance(self.order, After) else self.order

    @property
    def after_all(self) -> bool:
        """Whether it passes all of them; else any one is enough."""
        return not (isinstance(self.order, After) and self.order.any)


class EnvironmentEntry(EnvironmentSettings, frozen=True):
    """One entry of `environments`."""

    name: EnvironmentName


class Environment(EnvironmentEntry, frozen=True, kw_only=True):
    """One entry of `environments.yaml`, with what its other files say."""

    waivers: tuple[Waiver, ...] = ()
    differences: tuple[Difference, ...] = ()
    acknowledgements: tuple[Acknowledgement, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    baseline: tuple[BaselineEntry, ...] = ()
    # Values of variables that are not those of `substitute` itself: of the file that it names, or
    # of objects of the cluster's agent.
    found_values: Substitutes | None = None

    @property
    def substitute_file(self) -> str:
        """The file that `substitute` names; empty where it says the values itself."""
        return self.substitute if isinstance(self.substitute, str) else ""

    @property
    def values(self) -> dict[str, str]:
        """The values of variables, as they are put in; a file's are read by `config.load`."""
        given = self.found_values
        if given is None:
            given = self.substitute if isinstance(self.substitute, dict) else {}
        return as_text(given)

    @property
    def kinds(self) -> tuple[str, ...] | None:
        """The kinds that may be rendered here; None: any, as of loose manifests without a list."""
        if self.require.kinds is None and self.sources:
            return tuple(MESH_KINDS)
        return None if ANY_KIND in (self.require.kinds or ()) else self.require.kinds
