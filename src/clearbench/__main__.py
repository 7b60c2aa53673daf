"""The command `clearbench`: by the warm process where one is offered, else here."""

import sys

from clearbench.warm import delegate


def main() -> None:
    """Run the command line."""
    status = delegate()
    if status is not None:
        sys.exit(status)
    from clearbench.cli import main

    main()


if __name__ == "__main__":
    main()
