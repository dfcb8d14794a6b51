"""What may go wrong with a promotion, and the tests that show what happens then."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parent


class Case(NamedTuple):
    """A failure, and the tests of it as `file::test`, without `test_promotion_` and `.py`."""

    what: str
    tests: tuple[str, ...]


CASES = {
    1: Case(
        "two releases are opened for one environment",
        (
            "races::test_01_a_newer_release_closes_the_older_request",
            "races::test_01_of_two_requests_the_first_merge_makes_the_other_unmergeable",
        ),
    ),
    2: Case(
        "the same command runs twice", ("races::test_02_the_same_command_twice_changes_nothing",)
    ),
    3: Case(
        "the tool dies after the push", ("failures::test_03_a_branch_without_its_request_is_found",)
    ),
    4: Case(
        "somebody pushes to the promotion's branch",
        (
            "failures::test_04_a_branch_edited_by_hand_is_left_alone",
            "check::test_a_promotion_that_was_edited_is_refused",
        ),
    ),
    5: Case(
        "main moved elsewhere",
        (
            "failures::test_05_main_moving_elsewhere_changes_nothing",
            "check::test_how_it_was_merged_does_not_matter",
        ),
    ),
    6: Case(
        "main moved in the same environment",
        (
            "races::test_06_a_request_that_lost_the_race_is_made_anew_on_demand",
            "check::test_a_stale_promotion_is_refused",
        ),
    ),
    7: Case(
        "squash or rebase was used",
        (
            "failures::test_07_every_way_to_merge_gives_the_same_state",
            "check::test_how_it_was_merged_does_not_matter",
        ),
    ),
    8: Case(
        "a freeze starts when the check is green",
        ("gating::test_a_window_that_closes_turns_green_to_pending",),
    ),
    9: Case(
        "a push comes after the approval",
        ("gating::test_an_approval_is_waited_for_and_counts_for_its_commit_only",),
    ),
    10: Case("auto-merge is armed", ("gating::test_an_armed_auto_merge_is_a_failure",)),
    11: Case(
        "the status of the synced commit never comes",
        ("gating::test_a_status_on_a_later_commit_with_the_same_tree_counts",),
    ),
    12: Case(
        "each cluster has its own status",
        (
            "gates_of_evidence::test_commit_status",
            "gates_of_evidence::test_a_status_for_each_cluster_needs_their_names",
        ),
    ),
    13: Case(
        "the source of evidence is down",
        (
            "gates_of_evidence::test_evidence_that_does_not_come_fails_in_the_end",
            "gates::test_a_bypass_is_told_and_only_of_its_gate",
        ),
    ),
    14: Case("synced is known, traffic is not", ("gates_of_evidence::test_evidence",)),
    15: Case("a clock is wrong, or a date forged", ("gates_of_time::test_soak",)),
    16: Case(
        "the environment before is rolled back meanwhile",
        (
            "rollbacks::test_16_a_release_that_was_rejected_below_is_closed",
            "gating::test_a_release_rejected_meanwhile_closes_the_promotion",
        ),
    ),
    17: Case(
        "the source commit is gone",
        (
            "rollbacks::test_17_a_lost_source_does_not_hinder_a_rollback",
            "check::test_a_source_that_is_gone_is_refused",
        ),
    ),
    18: Case("the renderer was upgraded", ("check::test_another_renderer_is_refused",)),
    19: Case("the render differs", ("check::test_a_promotion_that_was_edited_is_refused",)),
    20: Case(
        "a hand edit was merged by an administrator",
        ("check::test_a_hand_edit_that_was_merged_blocks_the_next_promotion",),
    ),
    21: Case(
        "an environment is removed or inserted",
        ("check::test_an_environment_that_is_inserted_or_removed",),
    ),
    22: Case(
        "the render is empty, or lost much",
        (
            "failures::test_22_a_render_that_lost_much_is_refused",
            "check::test_an_empty_render_is_refused",
        ),
    ),
    23: Case(
        "a namespace is missing in the target",
        ("check::test_a_namespace_that_is_not_in_the_target_is_told",),
    ),
    24: Case(
        "a hotfix never reaches main", ("hotfixes::test_24_a_hotfix_is_owed_until_main_has_it",)
    ),
    25: Case(
        "the rollback's target is older than the schema",
        ("rollbacks::test_25_bytes_that_the_cluster_would_refuse_are_not_brought_back",),
    ),
    26: Case(
        "labels, statuses or comments fail",
        (
            "failures::test_26_a_label_that_fails_is_told_and_tried_again",
            "gating::test_labels_that_got_lost_are_set_again",
            "gating::test_a_forge_that_refuses_labels_and_statuses_is_told",
        ),
    ),
    27: Case(
        "the forge refuses to merge",
        (
            "races::test_27_a_push_between_judgement_and_merge_is_not_merged",
            "races::test_27_what_somebody_else_merged_is_a_success",
        ),
    ),
    28: Case(
        "no check starts, since a workflow's own token opened it",
        ("gating::test_a_check_that_never_starts_is_told_with_the_reason",),
    ),
    29: Case(
        "some of the clusters are synced",
        (
            "gates_of_evidence::test_evidence_is_needed_of_every_cluster_that_is_listed",
            "gates_of_time::test_the_clock_of_a_soak_starts_when_the_last_cluster_synced",
        ),
    ),
    30: Case(
        "the tag could not be pushed",
        ("failures::test_30_a_tag_that_fails_is_made_by_the_next_run",),
    ),
}


@pytest.mark.parametrize("number", CASES)
def test_a_failure_case_has_its_tests(number: int) -> None:
    for name in CASES[number].tests:
        file, _, test = name.partition("::")
        text = (TESTS / "promotion" / f"test_promotion_{file}.py").read_text(encoding="utf-8")
        functions = {
            node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)
        }

        assert test in functions, f"{name} is gone; say which test shows {CASES[number].what}"


def test_every_failure_case_is_listed() -> None:
    assert list(CASES) == list(range(1, 31))
