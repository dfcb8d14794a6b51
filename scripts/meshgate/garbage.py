"""How often Python looks for objects that hold one another and nothing else needs."""

import gc

# A run reads much and throws little away: looking for cycles at Python's own pace took a tenth of
# its time. They are still looked for, since the words of a refused object leave some.
OBJECTS_BETWEEN_COLLECTIONS = 100_000


def collect_rarely() -> None:
    """Let this process look rarely."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
