"""The `meshgate` command."""

from typing import NoReturn

from meshgate import garbage, interrupts


def main() -> NoReturn:
    """Run the command that was typed, in a process that ends with it."""
    try:
        interrupts.install()
        garbage.collect_rarely()
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
