"""Namespaces and names that carry the environment are compared by what is left of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from field_trees import REPOSITORIES, Capture, judged

from meshes import deployment, destination_rule, namespace, service
from meshgate.cli import main
from meshgate.model import NamePatterns, Resource
from meshgate.pipeline.renamed_objects import by_names

TREE = REPOSITORIES / "15-name-per-environment"
STAGING, PROD = NamePatterns("{name}-staging"), NamePatterns("{name}-prod")


def copied(folder: Path, *, named: bool) -> Path:
    shutil.copytree(TREE, folder, dirs_exist_ok=True)
    if named:
        text = (folder / "environments.yaml").read_text("utf-8")
        for name in ("staging", "prod"):
            overlay = f"    overlay: overlays/{name}\n"
            text = text.replace(overlay, f'{overlay}    names: {{namespace: "{{name}}-{name}"}}\n')
        (folder / "environments.yaml").write_text(text, "utf-8")
    return folder


def test_a_weaker_port_is_told_where_names_map(tmp_path: Path, capsys: Capture) -> None:
    found = judged(capsys, "-C", copied(tmp_path, named=True), "validate", "prod")

    (told,) = [each for each in found.findings if each["rule"] == "RE001"]
    assert told["message"] == "shop-prod/cart:80 is PERMISSIVE here and STRICT in staging"
    assert main(["-C", str(tmp_path), "diff", "staging", "prod"]) == 0
    assert "1 port loosens" in capsys.readouterr().out


def test_nothing_is_comparable_where_they_do_not(tmp_path: Path, capsys: Capture) -> None:
    found = judged(capsys, "-C", copied(tmp_path, named=False), "validate", "prod")

    (told,) = [each for each in found.findings if each["rule"] == "RE001"]
    assert told["decided"] is False
    assert "nothing here is comparable with staging" in str(told["message"])
    assert main(["-C", str(tmp_path), "diff", "staging", "prod"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "nothing here is comparable" in shown
    assert "breaks" not in shown


def test_names_are_changed_wherever_they_are_written() -> None:
    rule = destination_rule(
        "cart", "shop-staging", "cart.shop-staging.svc.cluster.local", exportTo=["shop-staging"]
    )
    objects = [
        namespace("shop-staging"),
        namespace("old-shop-staging"),
        deployment("cart", "shop-staging"),
        service("cart", "shop-staging"),
        rule,
    ]
    found = by_names([Resource.of(each) for each in objects], STAGING, PROD)

    assert [str(each) for each in found] == [
        "Namespace/shop-prod",
        "Namespace/old-shop-prod",
        "Deployment/shop-prod/cart",
        "Service/shop-prod/cart",
        "DestinationRule/shop-prod/cart",
    ]
    assert found[4].spec["host"] == "cart.shop-prod.svc.cluster.local"
    assert found[4].spec["exportTo"] == ["shop-prod"]


def test_objects_are_mapped_by_a_pattern_of_their_own() -> None:
    theirs, ours = NamePatterns("{name}", "stg-{name}"), NamePatterns("{name}", "{name}-x")
    (found,) = by_names([Resource.of(service("stg-cart", "shop"))], theirs, ours)

    assert str(found) == "Service/shop/cart-x"
    assert found.spec["selector"] == {"app": "cart-x"}


@pytest.mark.parametrize("name", ["shop", "staging", "-staging", "shop-prod"])
def test_a_name_without_the_environment_stays(name: str) -> None:
    assert STAGING.plain_namespace(name) == ""


def test_a_pattern_holds_the_name(tmp_path: Path, capsys: Capture) -> None:
    folder = copied(tmp_path, named=True)
    text = (folder / "environments.yaml").read_text("utf-8").replace("{name}-prod", "prod")
    (folder / "environments.yaml").write_text(text, "utf-8")

    assert main(["-C", str(folder), "validate"]) == 2
    assert "names" in capsys.readouterr().err
