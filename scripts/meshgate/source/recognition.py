"""What a file is that is no Kubernetes manifest, by its name, its place and what it says.

Repositories hold charts, playbooks and settings of editors beside manifests. Each is called by its
name, so that a reader sees at a glance whether something was passed over that should decide.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from meshgate.errors import BuildError
from meshgate.model import JSON

CHART = "Chart.yaml"
# What meshgate keeps itself at the top of a repository, and sources of nothing.
OWN = frozenset(
    {"expectations", "inventory", "promotion", "rendered", "schemas", "sync", "waivers"}
)
OWN_FILES = frozenset({"environments.yaml", "baseline.yaml"})
CHART_FILES = frozenset({CHART, "Chart.lock", "requirements.yaml", "requirements.lock"})
TEMPLATES = "templates"
TEMPLATE_MARK = re.compile(r"\{\{|\{%")
# What only charts say: built-in objects (helm.sh/docs/chart_template_guide) and `include`.
HELM_MARK = re.compile(r"\{\{[^{}]*(?:\.(?:Values|Release|Chart|Files|Capabilities)\b|include\s)")
JSON_COMMENT = re.compile(r"^[ \t]*(?://|/\*)", re.MULTILINE)
TRAILING_COMMA = re.compile(r",\s*[}\]]")
PLAY_KEYS = frozenset({"hosts", "import_playbook", "ansible.builtin.import_playbook"})
TASK_FOLDERS = frozenset({"tasks", "handlers", "playbooks"})
VARIABLE_FOLDERS = frozenset({"group_vars", "host_vars"})
ROLE_FOLDERS = frozenset({"defaults", "vars", "meta"})

OTHER = "no Kubernetes object"


def is_chart_template(root: Path, name: str) -> bool:
    """Whether a file lies among the templates of a Helm chart."""
    folders = PurePosixPath(name).parts[:-1]
    return any(
        part == TEMPLATES and Path(root, *folders[:at], CHART).is_file()
        for at, part in enumerate(folders)
    )


def is_template(root: Path, name: str, text: str) -> bool:
    """Whether a file has to be rendered by Helm before it says anything."""
    return TEMPLATE_MARK.search(text) is not None and is_chart_template(root, name)


def template(name: str) -> BuildError:
    """The refusal of a file that Helm renders."""
    return BuildError(
        f"{name} is a Helm template",
        why="What it says depends on values, and is not known before it is rendered.",
        hint="judge what it renders to: helm template CHART | meshgate lint -; "
        "or leave it out with --exclude",
    )


def unread(root: Path, name: str, text: str, error: BuildError) -> BuildError:
    """Why a file that no reader takes was not judged, by what it is."""
    if HELM_MARK.search(text) or is_template(root, name, text):
        return template(name)
    if TEMPLATE_MARK.search(text):
        return BuildError(
            f"{name} is a template of Jinja, Ansible or another tool",
            why=f"What it says is not known before it is rendered. As it stands: {error.what}",
            hint="judge what it renders to, or leave it out with --exclude",
        )
    if name.endswith(".json") and (JSON_COMMENT.search(text) or TRAILING_COMMA.search(text)):
        return BuildError(
            f"{name} is JSON with comments or trailing commas",
            why="Editors keep settings so; the API server does not read it.",
            hint="leave it out with --exclude, or write plain JSON",
        )
    return BuildError(error.what, why=error.why, hint="mend it, or leave it out with --exclude")


def description(name: str, value: JSON) -> str:
    """What a document is that is no Kubernetes object; in the plural, for a list of such."""
    return next((text for text, holds in KINDS if holds(PurePosixPath(name), value)), OTHER)


def _has(*keys: str) -> Callable[[PurePosixPath, JSON], bool]:
    return lambda _, value: isinstance(value, dict) and all(key in value for key in keys)


def _is_chart_file(path: PurePosixPath, _: JSON) -> bool:
    return path.name in CHART_FILES


def _are_values(path: PurePosixPath, value: JSON) -> bool:
    stem = path.stem.lower()
    named = stem == "values" or stem.startswith(("values-", "values_", "values."))
    return isinstance(value, dict) and (named or stem.endswith(("-values", "_values", ".values")))


def _is_playbook(_: PurePosixPath, value: JSON) -> bool:
    return _all(value, lambda item: not PLAY_KEYS.isdisjoint(item))


def _are_tasks(path: PurePosixPath, value: JSON) -> bool:
    return not TASK_FOLDERS.isdisjoint(path.parts[:-1]) and _all(value, lambda _: True)


def _are_variables(path: PurePosixPath, value: JSON) -> bool:
    folders = path.parts[:-1]
    of_role = "roles" in folders and not ROLE_FOLDERS.isdisjoint(folders)
    return isinstance(value, dict) and (of_role or not VARIABLE_FOLDERS.isdisjoint(folders))


def _is_json_patch(_: PurePosixPath, value: JSON) -> bool:
    return _all(value, lambda item: "op" in item and "path" in item)


def _is_kustomization(path: PurePosixPath, _: JSON) -> bool:
    return path.stem == "kustomization"


def _is_json(path: PurePosixPath, _: JSON) -> bool:
    return path.suffix == ".json"


def _all(value: JSON, holds: Callable[[dict[str, JSON]], bool]) -> bool:
    items = value if isinstance(value, list) else []
    return bool(items) and all(isinstance(item, dict) and holds(item) for item in items)


# The first that holds names it.
KINDS: tuple[tuple[str, Callable[[PurePosixPath, JSON], bool]], ...] = (
    ("Helm chart descriptions", _is_chart_file),
    ("Helm values", _are_values),
    ("kustomizations", _is_kustomization),
    ("JSON patches", _is_json_patch),
    ("Ansible playbooks", _is_playbook),
    ("Ansible tasks", _are_tasks),
    ("Ansible variables", _are_variables),
    ("workflows of GitHub Actions", _has("jobs")),
    ("Compose files", _has("services")),
    ("OpenAPI descriptions", _has("openapi")),
    ("OpenAPI descriptions", _has("swagger")),
    ("JSON of other tools", _is_json),
)
