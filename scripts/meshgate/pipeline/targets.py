"""What the words of a command line name: environments of this repository, or files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from meshgate.config import Configuration
from meshgate.errors import UsageError
from meshgate.model import Environment
from meshgate.wording import joined
from meshgate.wording.nearest import hint, nearest

ENVIRONMENTS = "environments.yaml"
STDIN = "-"


def select(environments: Sequence[Environment], names: Sequence[str]) -> list[Environment]:
    """The environments of these names, in their own order; all of them where none is named.

    Raises UsageError for a name that no environment has.
    """
    wanted = frozenset(select_names([environment.name for environment in environments], names))
    return [environment for environment in environments if environment.name in wanted]


def select_names(known: Sequence[str], names: Sequence[str]) -> list[str]:
    """The known names that were asked for, in their own order; all of them for none.

    Raises UsageError for another one, with what was meant.
    """
    there, asked = frozenset(known), frozenset(names)
    for name in names:
        if name not in there:
            raise UsageError(f"{ENVIRONMENTS} has no environment {name!r}", hint=hint(name, known))
    return [name for name in known if not asked or name in asked]


def select_targets(
    root: Path, targets: Sequence[str], load: Callable[[Path], Configuration]
) -> list[Environment] | None:
    """The environments that targets name, all of them for no target; None: targets are paths.

    `load` reads the configuration. Raises UsageError for a mix of both, and for what is neither.
    """
    if not targets:
        return list(load(root).environments)
    environments = load(root).environments if (root / ENVIRONMENTS).is_file() else ()
    known = {environment.name for environment in environments}
    named = [target for target in targets if target in known]
    if not named:
        for target in targets:
            existing(root, target, known)
        return None
    if len(named) < len(targets):
        other = next(target for target in targets if target not in known)
        raise UsageError(
            f"{named[0]} is an environment and {other} is not",
            hint="give environments, or paths, not both",
        )
    return select(environments, targets)


def existing(root: Path, text: str, environments: Sequence[str] | set[str] = ()) -> Path:
    """The file or folder that a word names. Raises UsageError, with the name that was meant.

    `environments`: what the word might have named as well.
    """
    path = root / text
    if text == STDIN or path.exists():
        return path
    try:
        beside = [str(Path(text).with_name(file.name)) for file in path.parent.iterdir()]
    except OSError:
        beside = []
    meant = nearest(text, [*environments, *beside])
    what = "environment, file or folder" if environments else "file or folder"
    known = f"environments are {joined(environments)}" if environments else ""
    raise UsageError(
        f"{text}: there is no such {what}", hint=f"did you mean `{meant}`?" if meant else known
    )
