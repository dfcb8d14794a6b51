"""The safe steps to a change, in every format that people and programs read."""

from __future__ import annotations

from meshgate.report import formats
from meshgate.report.formats import Formats
from meshgate.report.steps.describe import EnvironmentSteps, StepFiles, Steps

__all__ = ["FORMATS", "EnvironmentSteps", "StepFiles", "Steps"]

FORMATS: Formats[Steps] = formats.modules(__name__, "text", "json", "markdown")
