"""Classes of texts that no matcher tells apart, each with a text as its witness."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from msgspec import Struct

from meshgate.mesh.authorization.attributes import Normalization, Value
from meshgate.mesh.authorization.boxes import TooComplexError
from meshgate.mesh.authorization.matchers import Form, Matcher, TemplateMatcher, TextMatcher
from meshgate.mesh.authorization.paths import normalized, template_pattern
from meshgate.mesh.authorization.template_classes import TemplateWalk

# More classes than this in one dimension are not computed.
MAX_CLASSES = 20_000
# No template matches this character, so that one of it keeps a path out of all of them.
_NO_TEMPLATE = "["


class TextDomain(Struct, frozen=True):
    """Which texts an attribute can have.

    start     what every text begins with
    filler    characters that a witness may be filled up with, the nicest first
    empty     whether the empty text is one
    absent    whether the attribute may be missing
    possible  whether a text that begins right can occur
    common    texts that people know, which make the best witnesses
    rare      single texts that no other witness stands for
    """

    start: str = ""
    filler: str = string.ascii_lowercase + string.digits + "-_" + string.ascii_uppercase
    empty: bool = False
    absent: bool = False
    possible: Callable[[str], bool] = bool
    normalization: Normalization | None = None
    common: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()


class Classes(Struct, frozen=True):
    """The classes of one dimension: a witness of each, and what each matcher covers."""

    witnesses: tuple[Value, ...]
    masks: Mapping[Matcher, int]

    @property
    def full(self) -> int:
        """The mask of all classes."""
        return (1 << len(self.witnesses)) - 1

    def mask(self, matchers: Iterable[Matcher]) -> int:
        """The classes that any of these matchers covers."""
        covered = 0
        for matcher in matchers:
            covered |= self.masks.get(matcher, 0)
        return covered


METHODS = TextDomain(
    filler=string.ascii_uppercase + string.ascii_lowercase + "-_",
    common=("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"),
)
HOSTS = TextDomain(filler=string.ascii_lowercase + string.digits + "-_", common=("server",))
HEADERS = TextDomain(empty=True, absent=True, possible=lambda _: True)
# The elements of a claim; that there is none is a value of the dimension.
CLAIMS = TextDomain(empty=True, possible=lambda _: True)
SUBJECTS = TextDomain(empty=True, absent=True, possible=lambda _: True)


def paths(normalization: Normalization, *, query: bool = False) -> TextDomain:
    """Paths as filters see them: what normalization changes cannot occur."""

    def possible(path: str) -> bool:
        if "#" in path or ("?" in path and not query):
            return False
        return path.startswith("/") and normalized(path, normalization) == path

    is_merged = normalization not in {Normalization.NONE, Normalization.BASE}
    return TextDomain(
        start="/",
        possible=possible,
        normalization=normalization,
        common=("/",),
        # Slashes are merged, but for those of a path that is nothing else.
        rare=("//",) if is_merged else (),
    )


def text_classes(matchers: Collection[Matcher], domain: TextDomain) -> Classes:
    """The classes that these matchers make of a domain. Raises TooComplexError."""
    texts = _Texts(matchers, domain)
    witnesses: dict[frozenset[Matcher], Value] = {}
    for text, signature in texts.named():
        witnesses.setdefault(signature, text)
    for text, signature in texts.others():
        witnesses.setdefault(signature, text)
        if len(witnesses) > MAX_CLASSES:
            raise TooComplexError(f"more than {MAX_CLASSES} classes of texts")
    for text, signature in texts.rare():
        witnesses.setdefault(signature, text)
    if domain.empty:
        witnesses.setdefault(texts.signature_of_empty(), "")
    if domain.absent:
        # An absent attribute is a class of its own, though nothing may match "" either.
        witnesses[frozenset({_ABSENT})] = None
    masks: dict[Matcher, int] = {}
    for place, signature in enumerate(witnesses):
        for matcher in signature:
            masks[matcher] = masks.get(matcher, 0) | 1 << place
    absent = masks.pop(_ABSENT, 0)
    assert absent or not domain.absent
    return Classes(tuple(witnesses.values()), masks)


# Marks the class of the absent attribute while classes are collected.
_ABSENT = TextMatcher(Form.EXACT, "\0")


class _Texts:
    """Candidates for witnesses, with all matchers that cover each."""

    def __init__(self, matchers: Collection[Matcher], domain: TextDomain) -> None:
        self.domain = domain
        self.by_form: dict[Form, dict[str, Matcher]] = {form: {} for form in Form}
        self.templates = [matcher for matcher in matchers if isinstance(matcher, TemplateMatcher)]
        for matcher in matchers:
            if isinstance(matcher, TextMatcher):
                self.by_form[matcher.form][matcher.text] = matcher
        self.any_template = (
            re.compile("|".join(template_pattern(matcher.template) for matcher in self.templates))
            if self.templates
            else None
        )
        self.prefixes = self.by_form[Form.PREFIX]
        self.suffixes = self.by_form[Form.SUFFIX]

    def named(self) -> Iterator[tuple[str, frozenset[Matcher]]]:
        """Texts that are known, and those that matchers name whole."""
        yield from self._whole([*self.domain.common, *self.by_form[Form.EXACT]])

    def rare(self) -> Iterator[tuple[str, frozenset[Matcher]]]:
        """Single texts that stand for themselves alone."""
        yield from self._whole(self.domain.rare)

    def _whole(self, texts: Iterable[str]) -> Iterator[tuple[str, frozenset[Matcher]]]:
        exact = self.by_form[Form.EXACT]
        for text in dict.fromkeys(texts):
            if text.startswith(self.domain.start) and self.domain.possible(text):
                own = [exact[text]] if text in exact else []
                templates = (template for template in self.templates if template.fits(text))
                yield text, self._signature(text, [*own, *templates])

    def others(self) -> Iterator[tuple[str, frozenset[Matcher]]]:
        """One text for each possible pair of longest prefix and suffix, by template."""
        heads = [self.domain.start, *sorted(self.prefixes)]
        tails = ["", *sorted(self.suffixes)]
        free_after = {head: self._free(self._next(head)) for head in heads}
        free_before = {tail: self._free(self._previous(tail)) for tail in tails}
        for head in heads:
            if not head.startswith(self.domain.start):
                continue
            for tail in tails:
                text = self._filled(head, free_after[head], free_before[tail], tail)
                if text is not None:
                    yield text, self._signature(text)
        if self.templates:
            walk = TemplateWalk(
                self.templates,
                self.prefixes,
                self.suffixes,
                self.by_form[Form.EXACT],
                self.domain.normalization,
            )
            for text, templates in walk.texts():
                if self.domain.possible(text):
                    yield text, self._signature(text, templates)

    def signature_of_empty(self) -> frozenset[Matcher]:
        """What covers the empty text."""
        return frozenset(self.by_form[Form.PRESENT].values())

    def _signature(self, text: str, more: Iterable[Matcher] = ()) -> frozenset[Matcher]:
        """The matchers that cover a text, `more` among them."""
        covering = [*more, *self.by_form[Form.PRESENT].values()]
        if text:
            covering += self.by_form[Form.NONEMPTY].values()
        for length in range(1, len(text) + 1):
            head, tail = text[:length], text[-length:]
            if head in self.prefixes:
                covering.append(self.prefixes[head])
            if tail in self.suffixes:
                covering.append(self.suffixes[tail])
        return frozenset(covering)

    def _is_plain(self, head: str, text: str, tail: str) -> bool:
        """Whether a text has just these longest prefix and suffix, no template, no other name."""
        if text in self.by_form[Form.EXACT] or not self.domain.possible(text):
            return False
        if self.any_template is not None and self.any_template.fullmatch(text):
            return False
        lengths = range(1, len(text) + 1)
        return not any(
            text[:length] in self.prefixes for length in lengths if length > len(head)
        ) and (not any(text[-length:] in self.suffixes for length in lengths if length > len(tail)))

    def _next(self, head: str) -> set[str]:
        """The characters with which longer prefixes go on."""
        size = len(head)
        return {text[size] for text in self.prefixes if len(text) > size and text.startswith(head)}

    def _previous(self, tail: str) -> set[str]:
        """The characters before which longer suffixes go on."""
        size = len(tail)
        return {
            text[-size - 1] for text in self.suffixes if len(text) > size and text.endswith(tail)
        }

    def _free(self, taken: set[str]) -> str:
        free = "".join(char for char in self.domain.filler if char not in taken)
        if not free:
            raise TooComplexError("patterns go on with every character there is")
        return free

    def _filled(self, head: str, after: str, before: str, tail: str) -> str | None:
        """A text between whose ends no longer prefix or suffix and no template fits.

        None: normalization leaves no such text.
        """
        plain = [head + tail] if head != self.domain.start else []
        for text in [*plain, f"{head}x{tail}"]:
            if self._is_plain(head, text, tail):
                return text
        for first in after[:4]:
            text = f"{head}{first}{before[0]}{tail}"
            while text in self.by_form[Form.EXACT]:
                text = f"{head}{first}{'x' * (len(text) - len(head) - len(tail))}{before[0]}{tail}"
            if self.any_template is not None and self.any_template.fullmatch(text):
                text = f"{head}{first}{_NO_TEMPLATE}{before[0]}{tail}"
                while text in self.by_form[Form.EXACT]:
                    text = text.replace(_NO_TEMPLATE, _NO_TEMPLATE * 2)
            if self.domain.possible(text):
                return text
        return None
