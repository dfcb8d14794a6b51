"""YAML files of promotion, read strictly: what no longer parses is broken, never skipped."""

from __future__ import annotations

from typing import TypeVar

from meshgate import source
from meshgate.config.reading import parse
from meshgate.config.shape import check
from meshgate.errors import IntegrityError, UsageError
from meshgate.model import JSONObject
from meshgate.promotion.codec import as_json, of_json
from meshgate.promotion.values import API_VERSION

T = TypeVar("T")


def text_of(kind: str, value: object, **head: str) -> str:
    """The YAML text of a value; the same value gives the same text."""
    return source.dump_value({"apiVersion": API_VERSION, "kind": kind, **head, **as_json(value)})


def value_of(kind: type[T], schema: str, content: bytes, file: str) -> tuple[T, JSONObject]:
    """The value that a file holds, and its JSON. Raises IntegrityError that names the file."""
    try:
        document = parse(content.decode("utf-8"), file)
        check(document, schema)
        return of_json(kind, document.value), document.value
    except UnicodeDecodeError as error:
        raise broken(file, "is not UTF-8 text") from error
    except UsageError as error:
        raise broken(file, "is not as it was written", why=error.what) from error
    except IntegrityError as error:
        raise broken(file, error.what) from error


def broken(file: str, what: str, *, why: str = "") -> IntegrityError:
    """The error of a file that is not what promotion wrote."""
    return IntegrityError(what, file=file, why=why, hint=f"git log -p -- {file}")
