"""Paths as Envoy writes them before authorization reads them.

The right sides are what Envoy 1.40 answered, asked byte for byte, with Istio's settings of its
connection manager for each normalization.
"""

from __future__ import annotations

import pytest

from meshgate.mesh.authorization.attributes import Normalization
from meshgate.mesh.authorization.matchers import TemplateMatcher, text_matcher
from meshgate.mesh.authorization.paths import normalized
from meshgate.mesh.authorization.text_classes import paths, text_classes

ORDER = (Normalization.BASE, Normalization.MERGE_SLASHES, Normalization.DECODE_AND_MERGE_SLASHES)


@pytest.mark.parametrize(
    ("path", "base", "merged", "decoded"),
    [
        ("/%61dmin", "/admin", "/admin", "/admin"),
        ("/%2e%2e/admin", "/admin", "/admin", "/admin"),
        ("/a/%2E./admin", "/admin", "/admin", "/admin"),
        ("/a/%2e/b", "/a/b", "/a/b", "/a/b"),
        ("/a/..%2fb", "/a/..%2fb", "/a/..%2fb", "/b"),
        ("/a%2f%2e%2e%2fb", "/a%2f..%2fb", "/a%2f..%2fb", "/b"),
        ("/a%zz", "/a%zz", "/a%zz", "/a%zz"),
        ("/a%4", "/a%4", "/a%4", "/a%4"),
        ("/%2561", "/%2561", "/%2561", "/%2561"),
        ("/a?q=%61", "/a?q=%61", "/a?q=%61", "/a?q=%61"),
        ("/%61?x#y", "/a?x", "/a?x", "/a?x"),
        ("/a/b/..", "/a/", "/a/", "/a/"),
        ("/a/%2e", "/a/", "/a/", "/a/"),
        ("/..", "/", "/", "/"),
        ("//a//../b", "//a/b", "/a/b", "/a/b"),
        ("/a\\..\\b", "/b", "/b", "/b"),
        ("/a;x=1/../b", "/b", "/b", "/b"),
        ("/a/...", "/a/...", "/a/...", "/a/..."),
        ("/a//..", "/a/", "/a/", "/a/"),
        ("/a/..;/b", "/b", "/b", "/b"),
        ("/a/..;x=1/b", "/b", "/b", "/b"),
        ("/a/.;x/b", "/a/b", "/a/b", "/a/b"),
        ("/a/%2e%2e;/b", "/a/..;/b", "/a/..;/b", "/a/..;/b"),
        ("/a/..%3b/b", "/a/..%3b/b", "/a/..%3b/b", "/a/..%3b/b"),
        ("/a/..;", "/", "/", "/"),
        ("/a/.;", "/a/", "/a/", "/a/"),
        ("/a/..;;x/b", "/b", "/b", "/b"),
        ("/a/.%2e;x/b", "/a/..;x/b", "/a/..;x/b", "/a/..;x/b"),
        ("/a/..b;/c", "/a/..b;/c", "/a/..b;/c", "/a/..b;/c"),
        ("/a/..;%2fb", "/", "/", "/b"),
        ("/a/;x/../b", "/a/b", "/a/b", "/a/b"),
        ("//", "//", "//", "//"),
        ("///", "///", "//", "//"),
        ("//?x=//y", "//?x=//y", "//?x=//y", "//?x=//y"),
        ("/a//?b//c", "/a//?b//c", "/a/?b//c", "/a/?b//c"),
        ("/%2f", "/%2f", "/%2f", "//"),
        ("/%5c", "/%5c", "/%5c", "//"),
        ("/a/b%2f", "/a/b%2f", "/a/b%2f", "/a/b/"),
        (
            '/a^"<>`{|}z',
            "/a%5E%22%3C%3E%60%7B%7C%7Dz",
            "/a%5E%22%3C%3E%60%7B%7C%7Dz",
            "/a%5E%22%3C%3E%60%7B%7C%7Dz",
        ),
        ("/%c3%a9%7E%3f", "/%c3%a9~%3f", "/%c3%a9~%3f", "/%c3%a9~%3f"),
    ],
)
def test_a_path_is_written_as_envoy_writes_it(
    path: str, base: str, merged: str, decoded: str
) -> None:
    assert [normalized(path, each) for each in ORDER] == [base, merged, decoded]
    assert normalized(path, Normalization.NONE) == path.partition("#")[0]


@pytest.mark.parametrize("text", ["/%61dmin", "*%2Dx", "/a/.;*/b", "/a^*", "/x/{*}/%41", "/{*}/.;"])
def test_a_value_that_envoy_writes_in_another_way_is_met_by_no_request(text: str) -> None:
    matcher = TemplateMatcher(text) if "{" in text else text_matcher(text)

    assert not text_classes([matcher], paths(Normalization.BASE)).masks.get(matcher)


@pytest.mark.parametrize("text", ["/%2561", "/a%2Fb", "*%zz", "/a;x/*", "/{*}/a%3f", "/..b;*"])
def test_a_value_that_envoy_leaves_as_it_is_is_met(text: str) -> None:
    matcher = TemplateMatcher(text) if "{" in text else text_matcher(text)

    assert text_classes([matcher], paths(Normalization.BASE)).masks[matcher]


def test_a_path_of_slashes_alone_is_no_root() -> None:
    root, two = text_matcher("/"), text_matcher("//")
    classes = text_classes([root, two], paths(Normalization.MERGE_SLASHES))

    assert "//" in classes.witnesses
    assert classes.masks[root] & classes.masks[two] == 0
