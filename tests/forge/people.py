"""The people of the story, and a repository on Gitea whose main is protected."""

from __future__ import annotations

from e2e.gitea import Gitea
from forge_worlds import ADMIN, ORGANISATION, PROMOTER, REVIEWER

# Gitea shows a team's members only to its members and to owners, so the promoter is in each team
# that approvals name. It approves nothing: nobody approves their own pull request.
TEAMS = {
    "writers": (PROMOTER, REVIEWER),
    "sre": (PROMOTER, REVIEWER),
    "security": (PROMOTER, REVIEWER),
}
REQUIRED = "promotion/gate"


def settle(server: Gitea) -> None:
    """The users, and an organisation whose members may push."""
    server.add_user(ADMIN, administrator=True)
    for login in (PROMOTER, REVIEWER):
        server.add_user(login)
    server.call(ADMIN, "POST", "orgs", {"username": ORGANISATION})
    for team, members in TEAMS.items():
        rights = {"name": team, "includes_all_repositories": True, "permission": "write"}
        units = ["repo.code", "repo.issues", "repo.pulls"]
        made = server.call(ADMIN, "POST", f"orgs/{ORGANISATION}/teams", {**rights, "units": units})
        for login in members:
            server.call(ADMIN, "PUT", f"teams/{made['id']}/members/{login}")


def protect(server: Gitea, project: str) -> None:
    """Nothing gets onto main but by a pull request on which the gate is green.

    The administrator may push: in the story that stands for the pull requests of the inputs.
    """
    server.call(
        ADMIN,
        "POST",
        f"repos/{project}/branch_protections",
        {
            "rule_name": "main",
            "enable_push": True,
            "enable_push_whitelist": True,
            "push_whitelist_usernames": [ADMIN],
            "enable_status_check": True,
            "status_check_contexts": [REQUIRED],
            "block_on_rejected_reviews": True,
        },
    )
