"""The one way from an environment to what is said of it.

`judge(environments, files, settings)` takes environments and where their files are
(`Folder`: a working tree, a revision that was written out; `Objects`: what is rendered already)
and gives a `Judged` for each: survey of the sources, render, refusal of an empty result, schema,
mesh, context, rules; always in this order. Every command that judges starts from here.

- `targets`: which environments, or which manifests, the words of a command line mean.
- `manifests`: any files as one environment.  `revisions`: two commits as folders.
- `change`: what lies between two sides that were judged.
- `verdicts`: what is said of many environments, kept between runs or by processes (`pool`).
- `outcome`: the end of a run, from verdicts alone.
- `reports`: findings as a report, and the exit code of a run.
"""

from __future__ import annotations

from meshgate.pipeline.files import Files, Folder, Objects
from meshgate.pipeline.judged import Judged, Settings, judge, with_upstream

__all__ = ["Files", "Folder", "Judged", "Objects", "Settings", "judge", "with_upstream"]
