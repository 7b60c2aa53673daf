"""The one exception that means "the user can mend this"."""


class UserError(Exception):
    """A mistake in the input or a limit of the machine, told in one line.

    The message says what is wrong, where (file and key), and what is allowed. The command line
    prints it without a traceback and exits with 1.
    """
