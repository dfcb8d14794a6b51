"""Releases are named by content, and rendered to the same bytes wherever that is done."""

from __future__ import annotations

import hashlib
import os
import posixpath
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from meshgate import source
from meshgate.errors import BuildError, RepositoryError, ToolError, UsageError
from meshgate.model import Resource
from meshgate.promotion.environment_state import Release
from meshgate.promotion.release import Releases, changes
from meshgate.promotion.release_inputs import INPUTS
from meshgate.promotion.rendering import files_of, render, tool
from meshgate.repository import Repository
from places import REPOSITORY
from promoted import FILES, STRICT, Promoted, commit, git, start, write

pytestmark = pytest.mark.sampled(every=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with inputs, in one commit."""
    return start(tmp_path / "repository")


def newest(folder: Path) -> Release:
    with Repository(folder) as repository:
        return Releases(repository, "main").newest()


class TestIdentity:
    def test_it_is_that_of_the_files(self, folder: Path) -> None:
        write(folder, {"policies/run.sh": "#!/bin/sh\n", "policies/x/y": "y"})
        (folder / "policies/run.sh").chmod(0o755)
        (folder / "policies/link").symlink_to("../environments.yaml")
        (folder / "policies/away").symlink_to("/nowhere")
        commit(folder, {}, "more", day=1)
        lines = []
        for line in git(folder, "ls-files", "-s", "--", *INPUTS).splitlines():
            told, _, name = line.partition("\t")
            path = folder / name
            content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            lines.append(f"{told.split()[0]} {hashlib.sha256(content).hexdigest()}  {name}\n")
        lines.sort(key=lambda line: line.partition("  ")[2])
        assert newest(folder).id == "r-" + hashlib.sha256("".join(lines).encode()).hexdigest()[:12]
        assert [line[:6] for line in lines if "/away" in line or "/run" in line] == [
            "120000",
            "100755",
        ]

    @pytest.mark.parametrize(
        "change", ["content", "name", "mode", "link", "toolchain", "overlay", "removed"]
    )
    def test_it_depends_on_every_input(self, folder: Path, change: str) -> None:
        before = newest(folder).id
        file = folder / "policies/mesh/peerauthentication-default.yaml"
        match change:
            case "content":
                file.write_text(file.read_text() + "# x\n")
            case "name":
                file.rename(file.with_name("other.yaml"))
            case "mode":
                file.chmod(0o755)
            case "link":
                (folder / "policies/x").symlink_to("mesh")
            case "toolchain":
                write(folder, {"promotion/toolchain.yaml": "renderer: {kustomize: 5.8.2}\n"})
            case "overlay":
                write(folder, {"overlays/dev/x.yaml": "x"})
            case _:
                file.unlink()
        commit(folder, {}, change, day=1)
        assert newest(folder).id != before

    def test_nothing_else_counts(self, folder: Path) -> None:
        before = newest(folder)
        commit(folder, {"inventory/dev/x.yaml": "x", "promotion/state/x": "x"}, "else", day=1)
        assert newest(folder) == before

    def test_squash_rebase_and_a_new_clone_keep_it(self, folder: Path, tmp_path: Path) -> None:
        git(folder, "switch", "-qc", "topic")
        commit(folder, {"policies/a.md": "a"}, "one", day=1)
        on_branch = commit(folder, {"policies/b.md": "b"}, "two", day=2)
        git(folder, "switch", "-q", "main")
        git(folder, "merge", "-q", "--squash", "topic")
        squashed = commit(folder, {}, "squashed (#1)", day=3)
        git(tmp_path, "clone", "-q", folder.as_uri(), "clone")
        with Repository(tmp_path / "clone") as repository:
            releases = Releases(repository, "main")
            found = releases.at(repository.resolve("origin/topic"))
            assert found == releases.newest()
            assert found.source.commit == squashed != on_branch

    def test_inputs_that_come_back_are_the_release_they_were(self, folder: Path) -> None:
        """Its source is the newest commit that brought them, so that order has a meaning."""
        first = newest(folder)
        strict = commit(folder, STRICT, "strict", day=1)
        back = commit(folder, {path: FILES[path] for path in STRICT}, "back", day=1)
        with Repository(folder) as repository:
            releases = Releases(repository, "main")
            told = [(each.id, each.source.commit, each.alias) for each in releases]
        assert told[0] == (first.id, back, "2026-07-02.2")
        assert told[1][1:] == (strict, "2026-07-02.1")
        assert len(told) == 2

    def test_what_main_never_had_is_called_after_its_commit(self, folder: Path) -> None:
        git(folder, "switch", "-qc", "hotfix")
        repair = commit(folder, STRICT, "repair", day=4)
        with Repository(folder) as repository:
            found = Releases(repository, "main").at(repair)
        assert found.source.commit == repair
        assert found.alias == f"2026-07-05.{repair[:7]}"

    def test_it_is_found_by_each_of_its_names(self, promoted_once: Promoted) -> None:
        with Repository(promoted_once.folder) as repository:
            releases = Releases(repository, "main")
            found = releases.newest()
            assert found.source.commit == promoted_once.second
            for name in (found.id, found.alias, promoted_once.second, "main"):
                assert releases.find(name) == found
            with pytest.raises(UsageError, match="no release 'r-000'"):
                releases.find("r-000")

    def test_a_commit_without_inputs_has_none(self, folder: Path) -> None:
        git(folder, "switch", "-q", "--orphan", "empty")
        empty = commit(folder, {"policies/x": "x"}, "empty")
        with Repository(folder) as repository, pytest.raises(RepositoryError, match="no overlays"):
            Releases(repository, "main").at(empty)

    def test_kept_ids_are_those_of_a_run_without_them(self, folder: Path, tmp_path: Path) -> None:
        with Repository(folder) as repository:
            fresh = Releases(repository, "main", cache=tmp_path / "cache").newest()
            kept = Releases(repository, "main", cache=tmp_path / "cache").newest()
        assert fresh == kept == newest(folder)

    def test_changes_are_the_commits_to_inputs(self, promoted_once: Promoted) -> None:
        with Repository(promoted_once.folder) as repository:
            (told,) = changes(repository, promoted_once.first, "main")
        assert (told.sha, told.subject) == (promoted_once.second, "mesh: demand mTLS (#12)")
        assert (told.pull_request, told.author) == (12, "A Test <test@example.com>")


class TestRender:
    def rendered(self, folder: Path, commit: str = "main") -> dict[str, bytes]:
        with Repository(folder) as repository:
            commit = repository.resolve(commit)
            return render(repository, commit, "prod", "overlays/prod", cache=None)

    def test_a_clone_elsewhere_gives_the_same_bytes(self, folder: Path, tmp_path: Path) -> None:
        other = tmp_path / "a much longer path" / "clone"
        git(tmp_path, "clone", "-q", folder.as_uri(), str(other))
        found = self.rendered(folder)
        assert found == self.rendered(other)
        assert list(found) == [
            "rendered/prod/istio-system/peerauthentication-default.yaml",
            "rendered/prod/shop/destinationrule-cart.yaml",
        ]
        assert found["rendered/prod/istio-system/peerauthentication-default.yaml"] == (
            b"apiVersion: security.istio.io/v1\n"
            b"kind: PeerAuthentication\n"
            b"metadata:\n  name: default\n  namespace: istio-system\n"
            b"spec:\n  mtls:\n    mode: PERMISSIVE\n"
        )

    def test_the_commit_is_rendered_and_not_the_working_tree(self, folder: Path) -> None:
        before = self.rendered(folder)
        write(folder, STRICT)
        assert self.rendered(folder) == before

    @pytest.mark.parametrize("version", ["5.8.0", "5.7.1", "6.0.0"])
    def test_another_version_of_the_renderer_is_refused(self, folder: Path, version: str) -> None:
        toolchain = f'renderer: {{kustomize: "{version}"}}\n'
        commit(folder, {"promotion/toolchain.yaml": toolchain}, "toolchain", day=1)
        with pytest.raises(ToolError, match=version) as caught:
            self.rendered(folder)
        assert caught.value.exit_code == 4

    def test_without_a_toolchain_nothing_is_rendered(self, folder: Path) -> None:
        (folder / "promotion/toolchain.yaml").unlink()
        commit(folder, {}, "no toolchain", day=1)
        with pytest.raises(BuildError, match=r"has no promotion/toolchain\.yaml"):
            self.rendered(folder)

    def test_a_link_out_of_the_inputs_is_refused(self, folder: Path) -> None:
        (folder / "overlays/prod/x.yaml").symlink_to("/etc/hostname")
        write(folder, {"overlays/prod/kustomization.yaml": "resources: [x.yaml]\n"})
        commit(folder, {}, "link", day=1)
        with pytest.raises(BuildError):
            self.rendered(folder)

    def test_the_record_names_the_programs(self, folder: Path) -> None:
        with Repository(folder) as repository:
            told = tool(repository, "main")
        assert told["renderer"] == "kustomize 5.8.1"
        assert len(told["rendererSha256"]) == 64


def resource(
    name: str, namespace: str | None = "shop", *, kind: str = "Gateway", group: str = "a.io"
) -> Resource:
    metadata = {"name": name} | ({"namespace": namespace} if namespace is not None else {})
    version = f"{group}/v1" if group else "v1"
    return Resource.of({"apiVersion": version, "kind": kind, "metadata": metadata})


def paths(*resources: Resource) -> list[str]:
    return [path.removeprefix("rendered/x/") for path in files_of("x", resources)]


class TestNames:
    @pytest.mark.parametrize(
        ("given", "path"),
        [
            (resource("a.b-c"), "shop/gateway-a.b-c.yaml"),
            (resource("a", None), "_cluster/gateway-a.yaml"),
            (resource("a", "_cluster"), "%5Fcluster/gateway-a.yaml"),
            (resource("../../x"), "shop/gateway-..%2F..%2Fx.yaml"),
            (resource("x", ".."), "%2E%2E/gateway-x.yaml"),
            (resource("Upper"), "shop/gateway-%55pper.yaml"),
            (resource("ü\n%"), "shop/gateway-%C3%BC%0A%25.yaml"),
        ],
    )
    def test_a_name_stays_in_its_folder(self, given: Resource, path: str) -> None:
        assert paths(given) == [path]

    def test_two_of_one_name_both_say_their_group(self) -> None:
        found = paths(resource("x"), resource("x", group="b.io"), resource("x", group=""))
        assert found == [
            "shop/a.io_gateway-x.yaml",
            "shop/b.io_gateway-x.yaml",
            "shop/core_gateway-x.yaml",
        ]

    @pytest.mark.parametrize(
        "given",
        [
            (resource("x"), resource("x")),
            (resource("x", kind="GateWay"), resource("x")),
            (resource(""),),
            (resource("x", kind="a/b"),),
            (resource("x" * 250),),
        ],
        ids=["same", "kinds-alike", "no-name", "kind-with-slash", "long"],
    )
    def test_what_can_have_no_file_is_refused(self, given: tuple[Resource, ...]) -> None:
        with pytest.raises(BuildError):
            files_of("x", given)

    @examples(200)
    @given(st.data())
    def test_any_names(self, data: st.DataObject) -> None:
        """Files lie in the folder, differ in more than case, and are read back as what they are."""
        texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
        drawn = data.draw(
            st.lists(
                st.builds(
                    resource,
                    texts,
                    st.none() | texts,
                    kind=st.sampled_from(["Gateway", "Sidecar"]),
                    group=st.sampled_from(["", "a.io", "b.io"]),
                ),
                max_size=6,
                unique_by=lambda each: (each.group, each.kind, each.namespace, each.name),
            )
        )
        found = files_of("x", drawn)
        assert len({path.casefold() for path in found}) == len(drawn)
        assert all(posixpath.normpath(path) == path and path.count("/") == 3 for path in found)
        read = [source.read(content, path).resources[0].value for path, content in found.items()]
        assert sorted(map(str, read)) == sorted(str(each.value) for each in drawn)


def test_every_value_is_read_back(tmp_path: Path) -> None:
    """What is written for clusters is what kustomize gave, value by value."""
    root = REPOSITORY
    for environment in ("dev", "staging", "prod"):
        built = source.render(root, f"overlays/{environment}", cache=tmp_path).resources
        files = files_of(environment, built)
        read = {
            str(found.ref): found.value
            for path, content in files.items()
            for found in source.read(content, path).resources
        }
        assert read == {str(each.ref): each.value for each in built}
