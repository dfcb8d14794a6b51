"""Start a rule: its module, a failing and a clean case.

python tests/support/scaffold_rule.py DR099 weak-cipher [KIND]
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

MODULE = '''"""One sentence that says what is bad.

What it checks
    Every {kind} …

Why it matters
    What Istio does with it, and what follows.

How to fix
    What to write instead.

Known gaps
    What this rule does not see.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    for resource in context.resources.of("{kind}"):
        if resource.name == "bad":
            yield Violation(resource, "spec", "is named bad: say what is wrong and what follows")


RULE = Rule(
    id="{id}",
    name="{name}",
    severity=Severity.WARNING,
    summary="One sentence for tables.",
    fix="what to write instead",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    kinds=frozenset({{"{kind}"}}),
    check=check,
)
'''

MANIFEST = """\
apiVersion: {version}
kind: {kind}
metadata:
  name: {name}
  namespace: boards
spec:
  {spec}
"""

# What a manifest of each kind needs at least to pass its schema.
KINDS = {
    "AuthorizationPolicy": ("security.istio.io/v1", "action: ALLOW"),
    "DestinationRule": ("networking.istio.io/v1", "host: boards.boards.svc.cluster.local"),
    "PeerAuthentication": ("security.istio.io/v1", "mtls: {mode: STRICT}"),
    "ServiceEntry": (
        "networking.istio.io/v1",
        "hosts: [a.example.com]\n  ports: [{number: 80, name: http}]\n  resolution: DNS",
    ),
    "VirtualService": (
        "networking.istio.io/v1",
        "hosts: [boards.example.com]\n  http: [{route: [{destination: {host: boards}}]}]",
    ),
}
KIND_OF_FAMILY = {
    "PA": "PeerAuthentication",
    "DR": "DestinationRule",
    "VS": "VirtualService",
    "SE": "ServiceEntry",
}


def main(arguments: list[str]) -> int:
    """Write the files and tell what is left to do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("id", help="kind prefix and number, such as DR020")
    parser.add_argument("name", help="the bad pattern, such as wildcard-host")
    parser.add_argument("kind", nargs="?", choices=sorted(KINDS), help="what the rule looks at")
    options = parser.parse_args(arguments)
    if not re.fullmatch(r"[A-Z]{2}\d{3}", options.id):
        parser.error(f"{options.id} is no rule id: two letters and three digits")
    if not re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", options.name):
        parser.error(f"{options.name} is no rule name: small words joined by hyphens")
    kind = options.kind or KIND_OF_FAMILY.get(options.id[:2], "PeerAuthentication")
    if sorted(REPOSITORY.glob(f"scripts/meshgate/rules/{options.id.lower()}_*.py")):
        parser.error(f"there is a rule {options.id} already; an id is never used twice")
    for file in scaffold(REPOSITORY, options.id, options.name, kind):
        print(f"wrote {file.relative_to(REPOSITORY)}")
    print("now write check(), fill the headings, make the cases true, and run `nox -s docs`")
    return 0


def scaffold(root: Path, rule: str, name: str, kind: str) -> list[Path]:
    """Write everything a rule consists of."""
    module = f"{rule.lower()}_{name.replace('-', '_')}"
    rules = root / "scripts" / "meshgate" / "rules"
    files = {rules / f"{module}.py": MODULE.format(id=rule, name=name, kind=kind)}
    version, spec = KINDS[kind]
    place = f"{kind.lower()}.yaml:6:1 warning {kind}/boards/bad spec"
    said = f"{place}: is named bad: say what is wrong and what follows [{rule}]\n"
    for case, object_name, expected in (("failing", "bad", said), ("clean", "good", "")):
        folder = root / "tests" / "cases" / rule / case
        files[folder / f"{kind.lower()}.yaml"] = MANIFEST.format(
            version=version, kind=kind, name=object_name, spec=spec
        )
        files[folder / "expected.txt"] = expected
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return list(files)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
