"""Try this repository's hooks with pre-commit itself: `nox -s hooks`.

It installs meshgate from the commit that is checked out, as it does for everybody who names the hooks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOOSE = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: default
  namespace: shop
spec:
  mtls:
    mode: PERMISSIVE
"""
PARTS = (
    "environments.yaml", "expectations", "inventory", "overlays", "policies", "promotion", "waivers"
)  # fmt: skip


def main() -> int:
    """Raises AssertionError where a hook does not do what is expected."""
    with tempfile.TemporaryDirectory(prefix="meshgate-hooks-") as folder:
        work = Path(folder)
        loose, policies = work / "loose", work / "policies"
        loose.mkdir()
        (loose / "values.yaml").write_text("a: 1\n", encoding="utf-8")
        (loose / "pa.yaml").write_text(LOOSE, encoding="utf-8")
        policies.mkdir()
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, policies / part)
        (policies / "notes.yaml").write_text("a: 1\n", encoding="utf-8")
        for each in (loose, policies):
            subprocess.run(["git", "init", "--quiet", str(each)], check=True)
            subprocess.run(["git", "add", "--all"], cwd=each, check=True)
        for where, hook, files, passes, says in (
            (loose, "meshgate-lint", ["values.yaml"], True, ""),
            (loose, "meshgate-lint", ["values.yaml", "pa.yaml"], False, "PA001"),
            (policies, "meshgate-lint", ["notes.yaml"], True, ""),
            (policies, "meshgate-lint", ["overlays/prod/kustomization.yaml"], True, ""),
            (policies, "meshgate-validate", ["environments.yaml"], True, ""),
        ):
            done = subprocess.run(
                ["pre-commit", "try-repo", str(ROOT), hook, "--files", *files],
                cwd=where,
                env={**os.environ, "PRE_COMMIT_HOME": str(work / "cache")},
                check=False,
                capture_output=True,
                text=True,
            )
            told = done.stdout + done.stderr
            assert (done.returncode == 0) is passes, f"{hook} {files}: {told}"
            assert says in told
            print(f"{hook} {' '.join(files)}: {'passed' if passes else f'refused, {says}'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
