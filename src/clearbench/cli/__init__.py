"""The command line: commands to look, to run and to prove, and the stages as the rules call them.

What a command needs is imported when it runs, so that `clearbench --help` needs neither torch nor
pandas.
"""

import contextlib
import errno
import sys

import click

from clearbench import parallel
from clearbench.cli import ask, fetch, prove, publish, run, site, stages
from clearbench.errors import UserError
from clearbench.provenance.interruption import Interrupted

_SHARED = ("finetune", "unlearn", "evaluate")
"""The stages whose work several processes can share."""

SECTIONS = {
    "Look": (ask,),
    "Run": (run, fetch, site),
    "Prove": (prove, publish),
    "Stages, as the workflow calls them": (stages,),
}
"""The groups of the help, and the modules whose commands are in them."""


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
        with contextlib.suppress(BrokenPipeError):
            click.echo("clearbench: stopped by you", err=True)
        sys.exit(130)


def _fail(message: str) -> None:
    click.echo(f"clearbench: {message}", err=True)
    sys.exit(1)


class _Sections(click.Group):
    """A group whose help lists its commands in sections."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.commands))
        for title, modules in SECTIONS.items():
            rows = [
                (f"{command.name:<{width}}", (command.help or "").partition("\n\n")[0])
                for module in modules
                for command in _commands(module)
                if not command.hidden
            ]
            with formatter.section(title):
                formatter.write_dl(rows)


def _commands(module: object) -> list[click.Command]:
    return [found for found in vars(module).values() if isinstance(found, click.Command)]


@click.group(
    cls=_Sections,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
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


for _modules in SECTIONS.values():
    for _module in _modules:
        for _command in _commands(_module):
            cli.add_command(_command)
