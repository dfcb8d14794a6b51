"""Play the people of the forge `local`: open, review and merge pull requests as somebody.

The forge `local` is a bare repository and a JSON file in it, for one person who tries the whole
way of promotion on one machine: MESHGATE_FORGE=local, MESHGATE_FORGE_URL=demo.git. What other
forges have on their pages is here. A promotion is merged by `meshgate merge`, which asks every
guard; `merge` here is the button that a person presses, and asks none. docs/forges.md tells the
whole way.

examples:
  meshgate local team security sam tess          who is in the team that may weaken
  meshgate local open my-change --title "mesh: demand mTLS" --as alice
  meshgate local review 1 --as sam               approve its head as it is now
  meshgate local merge 1 --as alice
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from meshgate.promotion.forges import Draft, settings_from
from meshgate.promotion.forges.local import LocalForge, connect

STATES = ("approved", "changes_requested")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    team = actions.add_parser("team", help="say who is in a team")
    team.add_argument("name", metavar="TEAM")
    team.add_argument("logins", nargs="*", metavar="LOGIN")
    opened = actions.add_parser("open", help="open the pull request of a branch")
    opened.add_argument("branch", metavar="BRANCH")
    opened.add_argument("--title", default="", help="default: the branch")
    opened.add_argument("--base", default="main", metavar="BRANCH", help="default: main")
    review = actions.add_parser("review", help="review the head of a pull request")
    review.add_argument("number", type=int, metavar="PR")
    review.add_argument("--state", choices=STATES, default=STATES[0])
    merge = actions.add_parser("merge", help="merge a pull request, and ask nobody")
    merge.add_argument("number", type=int, metavar="PR")
    for action in (opened, review, merge):
        action.add_argument(
            "--as", dest="login", default="", metavar="LOGIN", help="default: the forge's token"
        )


def run(options: argparse.Namespace) -> int:
    """Do it, and say what was done."""
    forge = _forge(options.directory, getattr(options, "login", ""))
    if options.action == "team":
        forge.set_team(options.name, options.logins)
        print(f"{options.name}: {', '.join(options.logins) or 'nobody'}")
        return 0
    if options.action == "open":
        title = options.title or options.branch
        pull = forge.create(Draft(options.branch, options.base, title, "", ()))
        print(f"{pull.number}: {pull.head} to {pull.base}, opened by {pull.author}")
        return 0
    pull = forge.get(options.number)
    if options.action == "review":
        forge.review(pull.number, options.state)
        print(f"{pull.number}: {options.state} by {forge.login()}, at {pull.head_sha[:12]}")
        return 0
    merged = forge.merge(
        pull.number,
        head_sha=pull.head_sha,
        method="merge",
        message=f"{pull.title} (#{pull.number})",
    )
    print(f"{pull.number}: merged as {merged.commit[:12]}")
    return 0


def _forge(directory: Path, login: str) -> LocalForge:
    settings = settings_from(os.environ, directory, "local")
    forge = connect(settings)
    return forge.acting_as(login) if login else forge
