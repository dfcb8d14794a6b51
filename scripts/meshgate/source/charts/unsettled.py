"""Calls in templates whose answer does not follow from files: of the cluster, network or chance."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

ACTION = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
COMMENT = re.compile(r"\s*/\*.*\*/\s*", re.DOTALL)
STRING = re.compile(r'"(?:\\.|[^"\\\n])*"|`[^`]*`')
# Of Helm and of the library of functions it carries (sprig).
ASKS = {
    "lookup": "asks the cluster",
    "getHostByName": "asks the network",
    "now": "follows the clock",
    **dict.fromkeys(
        (
            *("randAlphaNum", "randAlpha", "randNumeric", "randAscii", "randBytes", "randInt"),
            *("shuffle", "uuidv4", "genPrivateKey", "genCA", "genCAWithKey", "bcrypt"),
            *("genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert"),
            *("genSignedCertWithKey", "htpasswd", "encryptAES"),
        ),
        "is made by chance",
    ),
}
# No field (`.now`), no variable (`$now`), no part of a longer name.
CALL = re.compile(rf"(?<![\w.$-])({'|'.join(ASKS)})(?![\w-])")


class UnsettledCall(NamedTuple):
    """A call of a template: where it stands, from 1, what it is called, and what it does."""

    line: int
    column: int
    name: str
    does: str


def unsettled(text: str) -> Iterator[UnsettledCall]:
    """The calls of a template's text."""
    for action in ACTION.finditer(text):
        if COMMENT.fullmatch(action[1]):
            continue
        code = STRING.sub(lambda quoted: " " * len(quoted[0]), action[1])
        for call in CALL.finditer(code):
            start = action.start(1) + call.start()
            line = text.count("\n", 0, start) + 1
            column = start - (text.rfind("\n", 0, start) + 1) + 1
            yield UnsettledCall(line, column, call[1], ASKS[call[1]])
