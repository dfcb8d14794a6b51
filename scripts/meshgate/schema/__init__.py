"""What the API server and istiod's webhook would refuse, before any rule is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from meshgate.model import Resource, SchemaViolation, join_path
from meshgate.schema import crd_rules, object_meta, webhook
from meshgate.schema.catalog import ServedKind, catalog_of
from meshgate.schema.engine import SchemaRefusal
from meshgate.schema.engines import engine as engine_named
from meshgate.schema.serving import judged_by

__all__ = ["check"]


def check(
    resources: Iterable[Resource],
    *,
    istio: str,
    engine: str,
    allowed: Collection[str] | None,
) -> list[SchemaViolation]:
    """What is wrong with these objects (SH002, SH003, SH004, SH007), in their order.

    `istio` is a minor version such as `1.31`; `engine` is auto, kubeconform or jsonschema;
    `allowed` names the kinds that are policy, None: every kind of Istio's API.
    Raises SchemaMissingError for policy without a schema, ToolError when the engine fails.
    """
    kinds = catalog_of(istio)
    decide = engine_named(engine, kinds.istio)
    violations: list[SchemaViolation] = []
    judged: list[tuple[Resource, ServedKind]] = []
    for resource in resources:
        verdict = judged_by(resource, kinds, allowed)
        if isinstance(verdict, SchemaViolation):
            violations.append(verdict)
        elif verdict is not None:
            judged.append((resource, verdict))
    refusals = decide.refusals(judged)
    for index, (resource, kind) in enumerate(judged):
        violations += _of_object(resource, kind, refusals.get(index))
    return violations


def _of_object(
    resource: Resource, kind: ServedKind, refusal: SchemaRefusal | None
) -> Iterable[SchemaViolation]:
    if refusal is not None:
        # The words cost more than the decision.
        from meshgate.wording.problems import problems  # noqa: PLC0415 - 0.1 s, for a refusal alone

        return [
            SchemaViolation(
                "SH002",
                resource,
                join_path(*problem.path),
                problem.text,
                is_null=problem.is_null,
            )
            for problem in problems(kind.schema(), resource.value)
        ] or [SchemaViolation("SH002", resource, refusal.path, refusal.message)]
    refused = [*object_meta.violations(resource), *crd_rules.violations(resource, kind)]
    paths = {violation.path for violation in refused}
    return refused + [v for v in webhook.violations(resource) if not _is_among(v.path, paths)]


def _is_among(path: str, paths: set[str]) -> bool:
    """Whether the CRD's rules, which the webhook repeats in part, have spoken of this place."""
    return any(path == other or path.startswith((f"{other}.", f"{other}[")) for other in paths)
