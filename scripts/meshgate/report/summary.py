"""What all formats say at the end: counts for each environment, and one sentence."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from meshgate.model import Baselined, Finding, Report, Severity
from meshgate.wording import joined, plural

# How many environments a sentence names before it only counts them.
NAMED = 3


class Count(Struct):
    """One environment in numbers; `policies` and `inventory` are None where it was not built."""

    environment: str | None
    policies: int | None = None
    inventory: int | None = None
    error: int = 0
    warning: int = 0
    info: int = 0
    waived: int = 0
    # Findings of the baseline; counted nowhere else.
    baseline: int = 0
    undecided: int = 0
    judged: bool = True
    is_file: bool = False

    @property
    def open(self) -> int:
        """Findings that no waiver covers."""
        return self.error + self.warning + self.info

    @property
    def label(self) -> str:
        return self.environment or "manifests"

    def add(self, finding: Finding) -> None:
        """Count one finding."""
        if isinstance(finding.waiver, Baselined):
            self.baseline += 1
            return
        if finding.waiver is not None:
            self.waived += 1
            return
        self.undecided += not finding.decided
        if finding.severity is Severity.ERROR:
            self.error += 1
        elif finding.severity is Severity.WARNING:
            self.warning += 1
        else:
            self.info += 1


def counts(report: Report) -> list[Count]:
    """One entry for each environment that the run was about, in the order of the run."""
    by_environment = {
        tally.environment: Count(tally.environment, tally.policies, tally.inventory)
        for tally in report.tallies
    }
    for finding in report.findings:
        if finding.environment not in by_environment:
            by_environment[finding.environment] = Count(finding.environment)
        by_environment[finding.environment].add(finding)
    for failure in report.failures:
        count = by_environment.setdefault(failure.environment, Count(failure.environment))
        count.judged = False
        count.is_file = failure.is_file
    return list(by_environment.values())


def by_environment(report: Report) -> list[tuple[Count, list[Finding]]]:
    """Each environment with its findings."""
    findings: dict[str | None, list[Finding]] = {}
    for finding in report.findings:
        findings.setdefault(finding.environment, []).append(finding)
    return [(count, findings.get(count.environment, [])) for count in counts(report)]


def total(parts: Iterable[Count]) -> Count:
    """All environments as one."""
    whole = Count(None)
    for part in parts:
        whole.error += part.error
        whole.warning += part.warning
        whole.info += part.info
        whole.waived += part.waived
        whole.baseline += part.baseline
        whole.undecided += part.undecided
    return whole


def verdict(parts: list[Count]) -> str:
    """The run in one sentence. Names of environments in it are not escaped."""
    whole = total(parts)
    sentence = _counts(whole) or ("clean" if any(part.judged for part in parts) else "")
    if whole.open:
        sentence += _where([part for part in parts if not part.is_file])
    if whole.waived:
        sentence += f", {whole.waived} waived"
    if whole.baseline:
        sentence += f", {whole.baseline} in the baseline"
    failed = [part.label for part in parts if not part.judged]
    if failed:
        names = _named(failed, len(parts))
        sentence = f"not judged: {names}" + (f"; {sentence}" if sentence else "")
    return sentence or "nothing was judged"


def severity_text(severity: Severity, *, decided: bool) -> str:
    """The severity as people read it."""
    return severity.value if decided else f"{severity.value} (undecided)"


def _counts(whole: Count) -> str:
    numbers = [
        plural(number, noun)
        for number, noun in (
            (whole.error, "error"),
            (whole.warning, "warning"),
            (whole.info, "info"),
        )
        if number
    ]
    if whole.undecided:
        numbers[-1] += f" ({whole.undecided} undecided)"
    return ", ".join(numbers)


def _where(parts: list[Count]) -> str:
    affected = [part.label for part in parts if part.open]
    if len(parts) == 1 and parts[0].environment is None:
        return ""
    return f" in {_named(affected, len(parts))}"


def _named(names: list[str], among: int) -> str:
    if len(names) > NAMED:
        return f"{len(names)} of {among} environments"
    return joined(names)
