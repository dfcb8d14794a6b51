"""How a page becomes one file: its own files, their digests, and data that is no markup."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

import jinja2
from markupsafe import Markup

from meshgate.model import JSONObject
from meshgate.report.escape.json_text import dump

PACKAGE = "meshgate.report.html"


def assembled(
    template: str, data: JSONObject, scripts: tuple[str, ...], library: str, **values: str
) -> str:
    """A page of a template: its script, its style and all data are in it.

    Data reaches the page as JSON, and its script writes text nodes only, so no manifest can
    become markup. The page's own policy (CSP) allows no other script and no request.
    """
    style = read("page/style.css")
    script = "\n".join(read(f"page/{name}") for name in scripts)
    script = f'"use strict";\n(() => {{\n{script}}})();\n'
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(read), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template(template).render(
        style=Markup(style),  # noqa: S704 - a file of this package
        library=Markup(library),  # noqa: S704 - likewise
        script=Markup(script),  # noqa: S704 - likewise
        # The policy names each by its digest, as the page holds it.
        style_hash=digest(style),
        script_hashes=[digest(each) for each in (library, script) if each],
        data=Markup(embedded(data)),  # noqa: S704 - escaped there
        **values,
    )


def embedded(data: JSONObject) -> str:
    r"""JSON that no reader of HTML takes for markup: `<` becomes `\u003c`, `>` and `&` likewise."""
    text = dump(data)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def digest(text: str) -> str:
    """A hash source of a content security policy (https://www.w3.org/TR/CSP3/)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def read(name: str) -> str:
    """One of the package's own files."""
    return resources.files(PACKAGE).joinpath(name).read_text(encoding="utf-8")
