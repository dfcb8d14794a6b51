"""Which engine decides."""

from __future__ import annotations

from meshgate.errors import UsageError
from meshgate.schema.engine import Embedded, Engine

EMBEDDED, KUBECONFORM, AUTO = "jsonschema", "kubeconform", "auto"


def engine(name: str, istio: str) -> Engine:
    """The engine of that name, for the schemas of an Istio minor version.

    `auto`: kubeconform where PATH has a fitting one, else the embedded engine. Both give the same
    verdicts. Raises ToolError when kubeconform is asked for and missing or of the wrong version.
    """
    if name == EMBEDDED:
        return Embedded()
    from meshgate.schema import kubeconform  # noqa: PLC0415 - the embedded engine has no need of it

    if name == KUBECONFORM:
        return kubeconform.Kubeconform(kubeconform.wanted(), istio)
    if name != AUTO:
        raise UsageError(
            f"there is no engine {name}", hint=f"engines: {AUTO}, {KUBECONFORM}, {EMBEDDED}"
        )
    program = kubeconform.on_path()
    return Embedded() if program is None else kubeconform.Kubeconform(program, istio)
