"""The `meshgate` command."""

import gc
from typing import NoReturn

from meshgate import interrupts

# A run reads much and throws little away: looking for cycles at Python's own pace took a tenth of
# its time. They are still looked for, since the words of a refused object leave some.
OBJECTS_BETWEEN_COLLECTIONS = 100_000


def main() -> NoReturn:
    """Run the command that was typed, in a process that ends with it."""
    try:
        interrupts.install()
        gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
        # Most of a short command's time is spent in this import.
        from meshgate import cli  # noqa: PLC0415 - only now are interrupts heeded

        interrupts.end(cli.main())
    except BaseException as error:
        # A native module may make something else of it: jsonschema-rs panics.
        if not interrupts.caused(error):
            raise
        interrupts.end(interrupts.INTERRUPTED)


if __name__ == "__main__":
    main()
