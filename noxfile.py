#!/usr/bin/env -S python3 -m nox -f
# /// script
# dependencies = ["nox>=2025.5.1", "uv"]
# ///
"""Every job of this repository, for people and CI alike: `nox -l` lists them."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_external_run = True

LOCK = "constraints.txt"
# Of what a release and the site are made with.
DIST, SITE = ".ci/dist.txt", ".ci/site.txt"
# What a job installs before it runs nox, and what `action.yml` installs to run meshgate alone.
BOOTSTRAP, RUNTIME = "bootstrap.txt", "runtime.txt"
# What the tests judge expiry dates by; the policies themselves are judged by the clock.
TODAY = "2026-08-01"


def install(session: nox.Session) -> None:
    """Install what the lock says, by hash, and meshgate itself."""
    session.install("--require-hashes", "-r", LOCK)
    session.install("--no-deps", "--no-build-isolation", "-e", ".")


@nox.session
def validate(session: nox.Session) -> None:
    """Render, check and judge every environment; `-- prod` narrows it."""
    install(session)
    session.run("meshgate", "validate", *session.posargs)


@nox.session(default=False)
def diff(session: nox.Session) -> None:
    """Tell what a change does: `-- --base REF`; in a pull request, `-- --comment NUMBER`."""
    install(session)
    # What it finds (1) is for `validate` and `check` to refuse.
    session.run("meshgate", "diff", *session.posargs, success_codes=[0, 1])


@nox.session(default=False)
def check(session: nox.Session) -> None:
    """Judge a pull request by what is checked out here: `-- -C HEAD_FOLDER --base REF`."""
    install(session)
    session.run("meshgate", "check", *session.posargs)


@nox.session(default=False)
def gate(session: nox.Session) -> None:
    """Judge the open pull requests and post what they wait for: `-- --all --forge github`."""
    install(session)
    # What is refused (8) or waits (10) is told by the statuses, and no failure of the job.
    session.run("meshgate", "gate", *session.posargs, success_codes=[0, 8, 10])


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """Prove that what clusters sync is what was reviewed; `-- --deep` for all of history."""
    install(session)
    session.run("meshgate", "audit", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; `-- tests/rules/test_cases.py -k DR003` narrows them."""
    install(session)
    # Charts are rendered by the pinned helm, which is built once where Go, or its wheel, is.
    session.run("python", "-m", "meshgate.tools", "helm", silent=True)
    session.run("pytest", "-n", "auto", "--dist", "worksteal", *session.posargs)


@nox.session(default=False)
def whole(session: nox.Session) -> None:
    """Try all of what the tests try a sample of: `-- tests/mesh` narrows it."""
    install(session)
    session.run(
        *("pytest", "-n", "auto", "--dist", "worksteal", "-m", "sampled or hypothesis or whole"),
        *session.posargs,
        env={"WHOLE": "1", "CRASHES_EVERY": "3", "INTERRUPTS": "18"},
    )


@nox.session(default=False)
def interrupts(session: nox.Session) -> None:
    """Interrupt commands at 200 random moments; each must end within a second."""
    install(session)
    session.run(
        *("pytest", "-s", "tests/process/test_interrupts.py", *session.posargs),
        env={"INTERRUPTS": "200", "INTERRUPTS_LIMIT": "1"},
    )


@nox.session
def lint(session: nox.Session) -> None:
    """Judge the code, the workflows and the repository's own shape."""
    install(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")
    session.run("yamllint", "--strict", ".")
    session.run("codespell")
    session.run("zizmor", "--offline", "--quiet", ".github", "action.yml")
    session.run("python", "tests/support/actionlint.py")
    session.run("sp-repo-review", ".")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types over the package, the tests and this file."""
    install(session)
    session.run("mypy")


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Regenerate rule pages, command reference and schemas; `-- --check` only compares."""
    install(session)
    session.run("python", "-m", "meshgate.cli.docs", *session.posargs)


@nox.session(default=False)
def site(session: nox.Session) -> None:
    """Make the docs a site in site/, strictly; nothing in it is loaded from elsewhere."""
    session.install("--require-hashes", "-r", SITE)
    session.run("python", "tests/support/site_pages.py", *session.posargs)


@nox.session(default=False)
def tools(session: nox.Session) -> None:
    """Build the pinned programs into the user's cache: kustomize, its worker, helm and others."""
    install(session)
    session.run("python", "-m", "meshgate.tools", *session.posargs)


@nox.session(default=False)
def browser(session: nox.Session) -> None:
    """Open the report page in a real Chromium; `-- --update` renews the guide's pictures."""
    install(session)
    session.run("python", "tests/e2e/build.py", "chromium")
    session.run("python", "tests/support/npm_packages.py", "axe-core")
    pages = ("tests/browser/check_page.py", "tests/browser/check_fleet.py")
    session.run("pytest", *pages, *session.posargs)


@nox.session(default=False)
def e2e(session: nox.Session) -> None:
    """Tell the lab as a story on real parts, forge to Envoy; `-- argocd` syncs with Argo CD."""
    install(session)
    session.run("python", "tests/e2e/story.py", *session.posargs)
    if not session.posargs:
        session.run("python", "tests/e2e/interrupted.py")


@nox.session(default=False)
def dist(session: nox.Session) -> None:
    """Make sdist, wheel, one-file program, SBOM and checksums, twice, and try them; `-- FOLDER`."""
    folder = session.posargs[0] if session.posargs else "dist"
    session.install("--require-hashes", "-r", DIST)
    session.run("python", "tests/dist/build.py", folder)
    session.run("python", "tests/dist/try_it.py", folder)


@nox.session(default=False)
def hooks(session: nox.Session) -> None:
    """Try .pre-commit-hooks.yaml with pre-commit itself, on commits with and without manifests."""
    # Not in the lock: nothing else needs it.
    session.install("pre-commit==4.7.0")
    session.run("python", "tests/dist/hooks.py", *session.posargs)


@nox.session(default=False)
def readme(session: nox.Session) -> None:
    """Run every command block of README.md in a fresh clone, with a home of its own."""
    session.run("python", "tests/dist/readme.py", *session.posargs)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Fuzz loader, scan, ledger and mesh: `-- SECONDS`; what is found is kept in tests/fuzz."""
    install(session)
    session.run("python", "-m", "fuzz.run", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session(default=False)
def proof(session: nox.Session) -> None:
    """Compare the mesh model with real Envoys, policy by policy; writes docs/proof.md."""
    install(session)
    session.run("python", "tests/e2e/proof.py", *session.posargs)


@nox.session(default=False)
def probes(session: nox.Session) -> None:
    """Run the Jobs of `verify --probes` with real sidecars, and inject them; `-- WORD` narrows."""
    install(session)
    session.run("python", "tests/e2e/probed.py", *session.posargs)
    if not session.posargs:
        session.run("python", "tests/e2e/injected.py")
        session.run("python", "tests/e2e/reconciled.py")


@nox.session(default=False)
def parts(session: nox.Session) -> None:
    """Build what the lab is made of into the user's cache; `-- gitea` narrows it."""
    install(session)
    session.run("python", "tests/e2e/build.py", *session.posargs)


@nox.session(default=False)
def cluster(session: nox.Session) -> None:
    """Try sync, capture and verify on a real API server; `-- big` a large one, `-- mesh` istiod."""
    install(session)
    session.run("python", "tests/e2e/build.py", "etcd", "kube-apiserver", "istio-api")
    if session.posargs[:1] == ["big"]:
        session.run("python", "tests/e2e/big_cluster.py", *session.posargs[1:])
        return
    if session.posargs[:1] == ["mesh"]:
        session.run("python", "tests/e2e/mesh_texts.py")
        return
    session.run("pytest", "tests/e2e/check_cluster.py", *session.posargs)


@nox.session(default=False)
def schemas(session: nox.Session) -> None:
    """Regenerate schemas/ from the pinned Go modules."""
    install(session)
    session.run("meshgate", "schemas", "update")


@nox.session(default=False)
def conformance(session: nox.Session) -> None:
    """Compare the mesh model with what Istio's own code computed; `-- FILE` names other cases."""
    install(session)
    session.run("python", "tests/conformance/run.py", *session.posargs)


@nox.session(default=False)
def pairs(session: nox.Session) -> None:
    """Compare the sets of requests that policies let in with brute force; `-- PAIRS [SEED]`."""
    install(session)
    session.run("python", "tests/support/authorization_pairs.py", *session.posargs)


@nox.session(default=False)
def oracle(session: nox.Session) -> None:
    """Generate fresh meshes, ask Istio's own code, compare; `-- --seed 7 --cases 1000`."""
    install(session)
    session.run("python", "tests/conformance/oracle/run.py", *session.posargs)


@nox.session(name="network-policies", default=False)
def network_policies(session: nox.Session) -> None:
    """Compare the model of NetworkPolicies with cyclonus; `-- --seed 7 --cases 500`."""
    install(session)
    session.run("python", "tests/conformance/network_policies/run.py", *session.posargs)


@nox.session(default=False)
def forge(session: nox.Session) -> None:
    """Play the whole way of promotion on a real Gitea; `-- story` narrows it."""
    install(session)
    session.run("python", "tests/forge/run.py", *session.posargs)


@nox.session(default=False)
def workflows(session: nox.Session) -> None:
    """Run the jobs of workflows and pipelines on a local forge; `-- promotion` narrows it."""
    install(session)
    session.run("python", "tests/workflows/run.py", *session.posargs)


@nox.session(default=False)
def corpus(session: nox.Session) -> None:
    """Lint Istio's own source tree and its analyzers' inputs; `-- --update` writes the counts."""
    install(session)
    session.run("python", "tests/corpus/run.py", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session(default=False)
def steps(session: nox.Session) -> None:
    """Plan 200 random unsafe changes and judge every step by brute force; `-- --cases 1000`."""
    install(session)
    session.run(
        *("python", "tests/support/safe_steps.py", *session.posargs), env={"PYTHONPATH": "tests"}
    )


@nox.session(default=False)
def repairs(session: nox.Session) -> None:
    """Apply what findings and `explain` advise, on 2000 random meshes; `-- MESHES`."""
    install(session)
    session.run(
        *("pytest", "-s", "tests/field/test_stated_repairs.py"),
        env={"REPAIRS": session.posargs[0] if session.posargs else "2000"},
    )


@nox.session(default=False)
def renders(session: nox.Session) -> None:
    """Render 2,000 random overlays by workers, in two orders, and each by kustomize alone."""
    install(session)
    session.run(
        *("pytest", "tests/source/test_render_workers.py"),
        env={"RENDERS": session.posargs[0] if session.posargs else "2000"},
    )


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure against the bare parse and against other tools; writes docs/benchmarks.md.

    A part of it, with its rows into the page: `-- --only dask --write`.
    """
    install(session)
    session.run("python", "tests/bench/run.py", *session.posargs)


@nox.session(default=False)
def traffic(session: nox.Session) -> None:
    """Capture calls from a real Prometheus and try a change on them; unpacks Debian's package."""
    install(session)
    session.run("python", "tests/traffic/program.py")
    session.run("pytest", "tests/traffic/live.py", *session.posargs)


@nox.session(default=False)
def dask(session: nox.Session) -> None:
    """Judge on a real Dask cluster of processes: killed workers, a lost scheduler, TLS."""
    install(session)
    session.run("pytest", "tests/pipeline/dask_live.py", *session.posargs)


@nox.session(default=False)
def pandas(session: nox.Session) -> None:
    """Make frames of pandas of the tables, which it needs beside meshgate for that."""
    install(session)
    session.install("pandas==3.1.1")
    session.run("pytest", "tests/tables/pandas_live.py", *session.posargs)


@nox.session(default=False)
def clocks(session: nox.Session) -> None:
    """Run promotion under wrong clocks (libfaketime): ahead, behind, jumping, and over DST."""
    install(session)
    session.run("pytest", "tests/clocks/live.py", *session.posargs)


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Run the tests and report which branches of the package they reach."""
    install(session)
    session.run("pytest", "--cov", "--cov-report=term-missing:skip-covered", *session.posargs)


@nox.session(default=False)
def mutate(session: nox.Session) -> None:
    """Change the mesh model in small ways and see which changes no test notices.

    Other parts on demand: `-- --part guards --sample 60`; effect, judge, guards, flows. Their tests
    run once, and each change is tried on those that reach its line: 60 take ten minutes.
    """
    install(session)
    # Not in the lock: its tree is large, and nothing else needs it.
    session.install("cosmic-ray==8.7.0")
    session.run("python", "tests/mutation/run.py", *session.posargs)


@nox.session(default=False)
def promote(session: nox.Session) -> None:
    """Propose what may come next: `-- --all --refresh --forge github`."""
    install(session)
    # Nothing to promote (9) and a line that is held (10) are no failure of the job.
    session.run("meshgate", "promote", *session.posargs, success_codes=[0, 9, 10])


@nox.session(default=False)
def merge(session: nox.Session) -> None:
    """Merge what the tool may merge: `-- --ready --forge github`."""
    install(session)
    session.run("meshgate", "merge", *session.posargs)


@nox.session(default=False)
def record(session: nox.Session) -> None:
    """Tag what was merged, with who approved it: `-- --forge github`."""
    install(session)
    session.run("meshgate", "record", *session.posargs)


@nox.session(default=False)
def stateful(session: nox.Session) -> None:
    """Try 500 random orders of promotions, merges, holds, rollbacks and hotfixes by two writers."""
    install(session)
    session.run(
        *("pytest", "-n", "auto", "tests/promotion/test_promotion_stateful.py", *session.posargs),
        env={"STATEFUL_EXAMPLES": "500"},
    )


@nox.session(default=False)
def properties(session: nox.Session) -> None:
    """Try every property on twenty times as many random examples: `-- tests/mesh`."""
    install(session)
    which = session.posargs or ("tests/mesh", "tests/source", "tests/promotion")
    session.run("pytest", "-n", "auto", *which, "-m", "hypothesis", env={"EXAMPLES": "20"})


@nox.session(default=False)
def crashes(session: nox.Session) -> None:
    """Kill every flow of promotion after each of its steps, and see the next run end it."""
    install(session)
    session.run(
        *("pytest", "-n", "auto", "tests/promotion/test_promotion_crashes.py", *session.posargs),
        env={"CRASHES_EVERY": "1"},
    )


@nox.session(default=False)
def new_rule(session: nox.Session) -> None:
    """Start a rule: `-- DR099 weak-cipher` writes its module and two cases."""
    install(session)
    session.run("python", "tests/support/scaffold_rule.py", *session.posargs)


@nox.session(default=False, tags=["update"])
def vendor(session: nox.Session) -> None:
    """Bring the libraries of the report page from npm, at the versions of pyproject.toml."""
    table = nox.project.load_toml("pyproject.toml")["tool"]["meshgate"]["vendored"]
    for library in table.values():
        folder = Path(session.create_tmp())
        session.run(
            "npm", "pack", f"{library['package']}@{library['version']}",
            "--pack-destination", str(folder), external=True,
        )  # fmt: skip
        packed = folder / f"{library['package']}-{library['version']}.tgz"
        target = Path(library["file"])
        with tarfile.open(packed) as archive:
            for member, file in (
                (library["member"], target),
                ("package/LICENSE", target.with_name(f"{library['package']}.LICENSE")),
            ):
                content = archive.extractfile(member)
                assert content is not None
                file.write_bytes(content.read())
        session.log(f"{target}: sha256 {hashlib.sha256(target.read_bytes()).hexdigest()}")


@nox.session(default=False, tags=["update"])
def lock(session: nox.Session) -> None:
    """Resolve all dependencies anew, with hashes: for work, for jobs and for `action.yml`."""
    session.install("uv")
    compiled = (
        *("uv", "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes"),
        *("--no-header", "--no-annotate", "--no-emit-index-url", "--quiet"),
    )
    everything = ("pyproject.toml", "--group", "dev", "--all-extras")
    session.run(*compiled, *everything, "--upgrade", "--output-file", LOCK)
    # The same versions of what they share.
    tools = Path(session.create_tmp()) / "bootstrap.in"
    tools.write_text("nox>=2025.5.1\nuv\n", encoding="utf-8")
    same = (*compiled, "--constraint", LOCK)
    session.run(*same, str(tools), "--output-file", BOOTSTRAP)
    session.run(
        *(*same, "pyproject.toml", "--extra", "github", "--group", "build"),
        *("--output-file", RUNTIME),
    )
    for group, target in (("dist", DIST), ("site", SITE)):
        session.run(*same, "--group", f"pyproject.toml:{group}", "--output-file", target)


if __name__ == "__main__":
    nox.main()
