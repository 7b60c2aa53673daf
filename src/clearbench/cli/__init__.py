"""The command line: one subcommand a stage, used by rules and people alike, and those that ask.

What a command needs is imported when it runs, so that `clearbench --help` needs neither torch nor
pandas.
"""

import contextlib
import errno
import sys

import click

from clearbench import parallel
from clearbench.cli import ask, fetch, prove, publish, site, stages
from clearbench.errors import UserError
from clearbench.provenance.interruption import Interrupted

_SHARED = ("finetune", "unlearn", "evaluate")
"""The stages whose work several processes can share."""


def main() -> None:
    """Run the command line; a user's mistake or a full disk ends in one line and exit status 1."""
    try:
        cli(standalone_mode=False)
    except UserError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
            raise
        _fail(f"{error.filename or 'output'}: {error.strerror}; nothing was published")
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except Interrupted as end:
        # The reader of the output may have got the signal as well, and be gone.
        with contextlib.suppress(BrokenPipeError):
            click.echo(f"clearbench: {end}", err=True)
        sys.exit(end.status)
    except click.Abort:
        _fail("interrupted")


def _fail(message: str) -> None:
    click.echo(f"clearbench: {message}", err=True)
    sys.exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="clearbench")
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help=f"Share a job ({', '.join(_SHARED)}) among processes, a GPU each.",
)
@click.option(parallel.LAUNCHED, "launched", is_flag=True, hidden=True)
@click.pass_context
def cli(context: click.Context, processes: int, launched: bool) -> None:
    """Multimodal machine unlearning: the CLEAR benchmark from data to tables."""
    if processes > 1 and context.invoked_subcommand not in _SHARED:
        raise click.UsageError(f"--processes: for {', '.join(_SHARED)} alone")
    if launched:
        parallel.join(processes)
    elif processes > 1:
        parallel.launch(processes)


for _module in (stages, ask, fetch, prove, publish, site):
    for _command in vars(_module).values():
        if isinstance(_command, click.Command):
            cli.add_command(_command)
