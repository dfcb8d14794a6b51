"""The rules, one file each, in the order of their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.rules import (
    gw001_wildcard_gateway_host,
    pa001_permissive_mode,
    pa002_plaintext_port,
    pa003_conflicting_peer_authentications,
    pa004_root_namespace_selector,
    pa007_missing_mesh_wide_strict,
    pa008_unset_blocks_policy,
    pa009_ambient_disable,
    pa010_operator_owned_policy,
    pa012_empty_selector,
    re002_patch_replaces_list,
    re003_orphan_file,
    re004_host_left_behind,
    re006_remote_base,
    re007_no_effect_patch,
    sh001_duplicate_key,
    sh005_unquoted_port_key,
    sh006_ambiguous_scalar,
    sh008_unsupported_kind,
    sh009_missing_namespace,
    vs001_wildcard_virtual_service_host,
    wa001_expired_waiver,
    wa002_unused_waiver,
    wa003_expiring_waiver,
)

if TYPE_CHECKING:
    from meshgate.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    gw001_wildcard_gateway_host.RULE,
    pa001_permissive_mode.RULE,
    pa002_plaintext_port.RULE,
    pa003_conflicting_peer_authentications.RULE,
    pa004_root_namespace_selector.RULE,
    pa007_missing_mesh_wide_strict.RULE,
    pa008_unset_blocks_policy.RULE,
    pa009_ambient_disable.RULE,
    pa010_operator_owned_policy.RULE,
    pa012_empty_selector.RULE,
    re002_patch_replaces_list.RULE,
    re003_orphan_file.RULE,
    re004_host_left_behind.RULE,
    re006_remote_base.RULE,
    re007_no_effect_patch.RULE,
    sh001_duplicate_key.RULE,
    sh005_unquoted_port_key.RULE,
    sh006_ambiguous_scalar.RULE,
    sh008_unsupported_kind.RULE,
    sh009_missing_namespace.RULE,
    vs001_wildcard_virtual_service_host.RULE,
    wa001_expired_waiver.RULE,
    wa002_unused_waiver.RULE,
    wa003_expiring_waiver.RULE,
)
