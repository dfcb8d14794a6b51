"""Random NetworkPolicies over a few labels, blocks and ports."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from meshes import Object, thing

NAMESPACES = ("alpha", "beta", "gamma")
APPS = ("web", "api")
TEAMS = ("red", "blue")
BLOCKS: tuple[Object, ...] = (
    {"cidr": "0.0.0.0/0"},
    {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]},
    {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]},
    {"cidr": "10.0.0.0/8"},
    {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.2.0.0/16"]},
    {"cidr": "127.0.0.0/8"},
    {"cidr": "0.0.0.0/1"},
    {"cidr": "128.0.0.0/1"},
)


def selector(keys: Mapping[str, tuple[str, ...]]) -> st.SearchStrategy[Object]:
    """A label selector over these keys and values, often empty."""
    pairs = st.one_of(
        *(st.fixed_dictionaries({key: st.sampled_from(values)}) for key, values in keys.items())
    )
    terms = st.one_of(
        *(
            st.one_of(
                st.fixed_dictionaries(
                    {
                        "key": st.just(key),
                        "operator": st.sampled_from(("In", "NotIn")),
                        "values": st.lists(st.sampled_from(values), min_size=1, unique=True),
                    }
                ),
                st.fixed_dictionaries(
                    {
                        "key": st.just(key),
                        "operator": st.sampled_from(("Exists", "DoesNotExist")),
                    }
                ),
            )
            for key, values in keys.items()
        )
    )
    return st.one_of(
        st.just({}),
        st.fixed_dictionaries({"matchLabels": pairs}),
        st.fixed_dictionaries({"matchExpressions": st.lists(terms, min_size=1, max_size=2)}),
        st.fixed_dictionaries(
            {"matchLabels": pairs, "matchExpressions": st.lists(terms, max_size=1)}
        ),
    )


PODS = {"app": APPS, "tier": ("front", "back")}
PLACES = {"team": TEAMS, "kubernetes.io/metadata.name": NAMESPACES}
PORTS = st.one_of(
    st.fixed_dictionaries({"port": st.sampled_from((80, 8080, 9090, "http", "admin"))}),
    st.fixed_dictionaries(
        {"port": st.sampled_from((1, 8000)), "endPort": st.sampled_from((8080, 9000))}
    ),
    st.fixed_dictionaries({"protocol": st.sampled_from(("TCP", "UDP", "SCTP"))}),
    st.fixed_dictionaries({"protocol": st.just("UDP"), "port": st.just(8080)}),
)
PEERS = st.one_of(
    st.fixed_dictionaries({"podSelector": selector(PODS)}),
    st.fixed_dictionaries({"namespaceSelector": selector(PLACES)}),
    st.fixed_dictionaries({"namespaceSelector": selector(PLACES), "podSelector": selector(PODS)}),
    st.fixed_dictionaries({"ipBlock": st.sampled_from(BLOCKS)}),
)


def rule(key: str) -> st.SearchStrategy[Object]:
    """One entry of `ingress` (key `from`) or `egress` (key `to`)."""
    return st.fixed_dictionaries(
        {}, optional={"ports": st.lists(PORTS, max_size=2), key: st.lists(PEERS, max_size=2)}
    )


@st.composite
def network_policies(draw: st.DrawFn, most: int = 4) -> list[Object]:
    """A few policies in a few namespaces."""
    found = []
    for number in range(draw(st.integers(0, most))):
        spec: Object = {"podSelector": draw(selector(PODS))}
        for way, key in (("ingress", "from"), ("egress", "to")):
            if draw(st.booleans()):
                spec[way] = draw(st.lists(rule(key), max_size=2))
        types = draw(st.sampled_from((None, ["Ingress"], ["Egress"], ["Ingress", "Egress"])))
        if types is not None:
            spec["policyTypes"] = types
        place = draw(st.sampled_from(NAMESPACES))
        found.append(thing("networking.k8s.io/v1", "NetworkPolicy", f"p{number}", place, spec=spec))
    return found
