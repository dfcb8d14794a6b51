"""Matchers: what one value of a policy says of one attribute."""

from __future__ import annotations

import enum
import ipaddress
import re
from functools import lru_cache
from typing import Protocol

from msgspec import Struct

from meshgate.mesh.authorization.attributes import Address, TokenPrincipal, Value
from meshgate.mesh.authorization.paths import template_pattern


class Matcher(Protocol):
    """One value of a list; a list matches if any of its matchers does."""

    def matches(self, value: Value) -> bool:
        """Whether the attribute's value fits; None, an absent attribute, never does."""


class Form(enum.Enum):
    """How a text with an optional `*` is compared."""

    EXACT = enum.auto()
    PREFIX = enum.auto()
    SUFFIX = enum.auto()
    # Any text that is not empty.
    NONEMPTY = enum.auto()
    # The attribute is there, also with an empty text.
    PRESENT = enum.auto()


class TextMatcher(Struct, frozen=True):
    """A text compared whole, from its start, to its end, or for being there."""

    form: Form
    text: str = ""

    def matches(self, value: Value) -> bool:
        """Whether the text fits; of several texts, one of them."""
        if isinstance(value, tuple) and not isinstance(value, (Address, TokenPrincipal)):
            return any(map(self.fits, value))
        return isinstance(value, str) and self.fits(value)

    def fits(self, text: str) -> bool:
        """Whether one text fits."""
        match self.form:
            case Form.EXACT:
                return text == self.text
            case Form.PREFIX:
                return text.startswith(self.text)
            case Form.SUFFIX:
                return text.endswith(self.text)
            case Form.NONEMPTY:
                return bool(text)
            case Form.PRESENT:
                return True


class TemplateMatcher(Struct, frozen=True):
    """A path template such as `/orders/{*}/items`."""

    template: str

    def matches(self, value: Value) -> bool:
        """Whether the whole path fits."""
        return isinstance(value, str) and self.fits(value)

    def fits(self, text: str) -> bool:
        """Whether the whole path fits."""
        return _template(self.template).fullmatch(text) is not None


class PatternMatcher(Struct, frozen=True):
    """A regular expression that must match the whole text; identities are compared so."""

    pattern: str

    def matches(self, value: Value) -> bool:
        """Whether the whole text fits."""
        return isinstance(value, str) and _pattern(self.pattern).fullmatch(value) is not None


class BlockMatcher(Struct, frozen=True):
    """A CIDR block: the addresses of one IP version from `first` to `last`."""

    version: int
    first: int
    last: int

    @classmethod
    def of(cls, text: str) -> BlockMatcher:
        """The block that a text means; host bits do not count. Raises ValueError for no block."""
        network = ipaddress.ip_network(text, strict=False)
        return cls(network.version, int(network.network_address), int(network.broadcast_address))

    def matches(self, value: Value) -> bool:
        """Whether the address is in the block."""
        return (
            isinstance(value, Address)
            and value.version == self.version
            and self.first <= value.number <= self.last
        )


class PortMatcher(Struct, frozen=True):
    """One port number."""

    number: int

    def matches(self, value: Value) -> bool:
        """Whether it is this port."""
        return value == self.number


class TokenMatcher(Struct, frozen=True):
    """Issuer and subject of a token, both of which must fit."""

    issuer: TextMatcher
    subject: TextMatcher

    def matches(self, value: Value) -> bool:
        """Whether both fit."""
        return (
            isinstance(value, TokenPrincipal)
            and self.issuer.matches(value.issuer)
            and self.subject.matches(value.subject)
        )


class NeverMatcher(Struct, frozen=True):
    """A value that nothing can have."""

    def matches(self, value: Value) -> bool:  # noqa: ARG002 - a matcher takes the value
        """Nothing fits."""
        return False


def text_matcher(value: str, anything: Form = Form.NONEMPTY) -> TextMatcher:
    """The matcher of a text: `*`, `*x`, `x*` or whole; a leading `*` wins (StringMatcher).

    `anything` is what `*` alone means.
    """
    if value == "*":
        return TextMatcher(anything)
    if value.startswith("*"):
        return TextMatcher(Form.SUFFIX, value[1:])
    if value.endswith("*"):
        return TextMatcher(Form.PREFIX, value[:-1])
    return TextMatcher(Form.EXACT, value)


def token_matcher(value: str) -> Matcher:
    """The matcher of a request principal, `ISSUER/SUBJECT` with a `*` at one end."""
    present = TextMatcher(Form.PRESENT)
    if value == "*":
        return TokenMatcher(present, present)
    issuer, slash, subject = value.rpartition("/")
    if slash:
        # Leading wins: behind `*…/` a trailing `*` is a literal.
        trailing = value.endswith("*") and not value.startswith("*")
        return TokenMatcher(
            _ending(issuer[1:]) if value.startswith("*") else TextMatcher(Form.EXACT, issuer),
            _beginning(subject[:-1]) if trailing else TextMatcher(Form.EXACT, subject),
        )
    if value.startswith("*"):
        return TokenMatcher(present, _ending(value[1:]))
    return TokenMatcher(_beginning(value[:-1]), present) if value.endswith("*") else NeverMatcher()


def _ending(text: str) -> TextMatcher:
    return TextMatcher(Form.SUFFIX, text) if text else TextMatcher(Form.PRESENT)


def _beginning(text: str) -> TextMatcher:
    return TextMatcher(Form.PREFIX, text) if text else TextMatcher(Form.PRESENT)


@lru_cache(maxsize=16384)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@lru_cache(maxsize=4096)
def _template(template: str) -> re.Pattern[str]:
    return re.compile(template_pattern(template))
