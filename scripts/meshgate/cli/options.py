"""Options that every command takes, and what they settle to."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from meshgate.errors import UsageError
from meshgate.report import FORMATS as FINDINGS

TODAY_VARIABLE = "MESHGATE_TODAY"
# What a policy repository has at its top, and the commands that need none.
REPOSITORY = "environments.yaml"
ANYWHERE = frozenset(
    {"completion", "init", "lint", "merge-reports", "query", "rules", "schema", "schemas"}
)
# Years with room on both sides, to count days and time zones from.
FIRST_YEAR, LAST_YEAR = 1970, 8999
TEXT, HTML, ANNOTATIONS = "text", "html", "github"
# Those of findings, and the page.
FORMATS = (*FINDINGS, HTML)


class Output(NamedTuple):
    """One `--format`: its name, and the file it goes to (None: standard output)."""

    format: str
    file: Path | None


def add_common_options(parser: argparse.ArgumentParser, formats: Sequence[str] = FORMATS) -> None:
    """Add what is accepted everywhere, before and after the command's name.

    `formats`: those that the command writes; one that writes text alone has no option for it.
    """
    group = parser.add_argument_group("everywhere")
    keep = argparse.SUPPRESS  # a command's default must not undo what stood before its name
    group.add_argument(
        "-C",
        dest="directory",
        metavar="DIR",
        default=keep,
        help="the repository to judge (default: the one around this folder)",
    )
    group.add_argument(
        "--format",
        action="append",
        metavar="FMT[=FILE]",
        default=keep,
        help=argparse.SUPPRESS
        if tuple(formats) == (TEXT,)
        else f"{', '.join(formats)}; repeatable{'; text by default' if TEXT in formats else ''}",
    )
    group.add_argument(
        "--today", metavar="DATE", default=keep, help="judge expiry dates as of this day"
    )
    group.add_argument(
        "--no-cache", action="store_true", default=keep, help="render and judge everything anew"
    )
    group.add_argument("--color", choices=("auto", "always", "never"), default=keep)
    group.add_argument("-v", "--verbose", action="store_true", default=keep)


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add the schema engine, of every command that judges."""
    parser.add_argument(
        "--engine",
        choices=("auto", "kubeconform", "jsonschema"),
        default="auto",
        help="schema engine; auto: kubeconform where it is installed, else the embedded one",
    )


def add_judging(
    parser: argparse.ArgumentParser, fail_on: str = "error", *, by_floor: bool = False
) -> None:
    """Add the options of every command that judges environments or manifests.

    `fail_on`: the default; `never` for commands that show something else than findings. `by_floor`:
    an environment may ask for more (`require.undecided`), and the option is None where not given.
    """
    add_engine(parser)
    parser.add_argument(
        "--fail-on",
        choices=("error", "warning", "undecided", "never"),
        default=None if by_floor else fail_on,
        help="the least finding that ends the run with 1 (default: "
        f"{fail_on + ', undecided where require.undecided says so' if by_floor else fail_on}); "
        "an environment that cannot be judged always fails it",
    )


def add_narrowing(parser: argparse.ArgumentParser) -> None:
    """Add which rules' findings are asked for."""
    for option, about in (("--select", "only findings of"), ("--ignore", "no findings of")):
        parser.add_argument(
            option,
            action="append",
            default=[],
            metavar="RULE",
            help=f"{about} these rules: PA, PA001 or a name, with commas; repeatable. They decide "
            "the exit code alone, and what is left out is counted",
        )


def add_follow_ups(parser: argparse.ArgumentParser) -> None:
    """Add how much of what follows from a finding is shown, to commands that print findings."""
    parser.add_argument(
        "--show-follow-ups",
        action="store_true",
        help="show all that follows from a finding, and each of many findings on calls in full",
    )


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Add how many processes judge, or the cluster that does."""
    add_processes(parser)
    add_scheduler(parser)


def add_processes(parser: argparse.ArgumentParser) -> None:
    """Add how many processes judge."""
    parser.add_argument(
        "--jobs",
        type=at_least_one,
        metavar="N",
        default=os.cpu_count() or 1,
        help="how many processes judge environments, where there are many (default: one a core)",
    )


def add_scheduler(parser: argparse.ArgumentParser) -> None:
    """Add the cluster that judges."""
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="judge on a running Dask cluster, tcp://HOST:PORT or tls://HOST:PORT (default: "
        "DASK_SCHEDULER_ADDRESS, else this machine, as with ''); needs the extra `dask`",
    )


def at_least_one(text: str) -> int:
    """A number from 1 on. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add how files and folders of manifests are read."""
    parser.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="GLOB",
        help="leave out files and folders, by a pattern as in .gitignore; repeatable",
    )
    parser.add_argument(
        "--raw",
        action="store_true",
        help="read every file as it stands, and build no kustomization",
    )


def add_branch(parser: argparse.ArgumentParser) -> None:
    """Add the base branch, of commands that read what was merged."""
    parser.add_argument(
        "--branch",
        metavar="NAME",
        default="",
        help="the branch that pull requests are merged to; default: the remote's own, or main",
    )


def add_sides(parser: argparse.ArgumentParser) -> None:
    """Add the two sides of a change, and of which environments it is looked at."""
    parser.add_argument(
        "--base",
        metavar="REF",
        help="from the merge base with this reference (default: the default branch)",
    )
    parser.add_argument(
        "--head", metavar="REF", help="to a commit instead of what the working tree holds"
    )
    parser.add_argument(
        "--env", metavar="ENV", action="append", default=[], help="only this one; repeatable"
    )


def add_traffic(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument(
        "--traffic",
        metavar="FILE",
        help="try the change on calls that were seen, from `meshgate traffic capture`",
    )


def settle(options: argparse.Namespace) -> None:
    """Fill in what was not given. Raises UsageError for a wrong directory, date or format."""
    given = vars(options)
    options.directory = Path(given["directory"]) if "directory" in given else repository(options)
    if not options.directory.is_dir():
        raise UsageError(f"-C {options.directory}: there is no such folder")
    options.today = today(given.get("today") or os.environ.get(TODAY_VARIABLE))
    options.no_cache = given.get("no_cache", False)
    options.verbose = given.get("verbose", False)
    options.outputs = outputs(given.get("format") or [])
    options.color = wants_color(given.get("color", "auto"))


def repository(options: argparse.Namespace) -> Path:
    """The policy repository around the current folder, as git looks for its own; else `.`.

    The search ends at the top of the checkout, or of the file system. A command that is given
    files stays where it was typed, since their names are meant from there.
    """
    here = Path()
    given = vars(options)
    named = [*(given.get("targets") or ()), *(given.get("paths") or ()), given.get("mesh")]
    # A bare word is rather an environment than the folder of its overlay.
    files = [Path(name) for name in named if name and ("/" in str(name) or "." in str(name))]
    if options.command in ANYWHERE or any(file.exists() for file in files):
        return here
    for up, folder in enumerate((here.absolute(), *here.absolute().parents)):
        if (folder / REPOSITORY).is_file():
            return Path(*[".."] * up)
        if (folder / ".git").exists():
            break
    return here


def today(text: str | None) -> datetime.date:
    """The day that expiry dates are judged by."""
    if not text:
        return datetime.datetime.now(tz=datetime.UTC).date()
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not a date", hint="write it as YYYY-MM-DD, such as 2027-01-31"
        ) from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise UsageError(f"{text!r} is beyond the years {FIRST_YEAR} to {LAST_YEAR}")
    return day


def moment(text: str) -> datetime.datetime:
    """A time; a date is its start, and without a zone it is UTC. Raises UsageError."""
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no time", hint="write it as 2026-09-07 or 2026-09-07T08:00+02:00"
        ) from error
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise UsageError(f"{text!r} is beyond the years {FIRST_YEAR} to {LAST_YEAR}")
    return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)


def outputs(texts: list[str]) -> tuple[Output, ...]:
    """The report formats that were asked for."""
    asked = []
    for text in texts or ["text"]:
        name, _, file = text.partition("=")
        if name not in FORMATS:
            from meshgate.wording.nearest import hint  # noqa: PLC0415 - --help waits for no model

            raise UsageError(
                f"--format {text}: unknown format {name!r}",
                hint=hint(name, FORMATS, f"use one of {', '.join(FORMATS)}"),
            )
        asked.append(Output(name, Path(file) if file else None))
    on_stdout = [output.format for output in asked if output.file is None]
    if os.environ.get("GITHUB_ACTIONS") == "true" and on_stdout in ([], ["text"]):
        asked.append(Output("github", None))
    return tuple(asked)


def written_by(
    command: str, formats: Sequence[str], asked: tuple[Output, ...]
) -> tuple[Output, ...]:
    """What a command is to write. Raises UsageError for a format that it does not write.

    Inside Actions annotations are asked for by default; most commands have none.
    """
    outputs = tuple(each for each in asked if each.format in formats or each.format != ANNOTATIONS)
    for each in outputs:
        # A page is written where nothing else was asked for; its command says where.
        if each.format not in formats and (each.format, formats) != (TEXT, (HTML,)):
            by = "; `meshgate report` writes html" if each.format == HTML else ""
            raise UsageError(
                f"--format {each.format}: `meshgate {command}` does not write it",
                hint=f"use one of {', '.join(formats)}{by}",
            )
    return outputs or asked


def wants_color(choice: str) -> bool:
    """Whether standard output takes colour (https://no-color.org)."""
    if choice == "auto":
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return choice == "always"


def cache_folder(options: argparse.Namespace) -> Path | None:
    """Where rendered overlays are kept between runs; None with `--no-cache`."""
    if options.no_cache:
        return None
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "meshgate"
