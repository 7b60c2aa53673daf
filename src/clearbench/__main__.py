"""The command `clearbench`: by the warm process where one is offered, else here."""

import os
import sys

from clearbench.warm import delegate


def main() -> None:
    """Run the command line."""
    status = delegate()
    if status is not None:
        sys.exit(status)
    from clearbench.cli import main
    from clearbench.jobs.interruption import Interrupted

    try:
        main()
    except SystemExit as end:
        if isinstance(end.__context__, Interrupted):
            # All is saved, and an image that a signal has taken away has no files to clean up by.
            os._exit(end.__context__.status)
        raise


if __name__ == "__main__":
    main()
