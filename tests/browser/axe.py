"""axe-core, which judges pages by WCAG: `nox -s browser` brings it from npm."""

from __future__ import annotations

import npm_packages
from meshgate.errors import ToolError

NAME = "axe-core"
RUN = """
axe.run(document, {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
  resultTypes: ["violations"],
}).then(({ violations }) => violations.map(({ id, nodes }) =>
  [id, nodes.slice(0, 5).map(({ html, failureSummary }) => `${html}: ${failureSummary}`)]))
"""


def script() -> str:
    """What a page evaluates to `[[rule, elements], …]`. Raises ToolError where axe is missing."""
    path = npm_packages.file(NAME)
    if not path.is_file():
        raise ToolError(f"{NAME} is not there", hint=f"python tests/support/npm_packages.py {NAME}")
    return f"{path.read_text(encoding='utf-8')}\n{RUN}"
