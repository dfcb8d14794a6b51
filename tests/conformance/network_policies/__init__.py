"""Random NetworkPolicies, and what cyclonus makes of them."""
