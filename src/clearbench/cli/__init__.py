"""The command line: commands to look, to run and to prove, and the stages as the rules call them.

What a command needs is imported when it runs, so that `clearbench --help` needs neither torch nor
pandas.
"""

import contextlib
import os
import signal
import sys
from io import TextIOWrapper

import click

from clearbench import parallel
from clearbench.cli import ask, doctor, fetch, prove, publish, run, stages
from clearbench.errors import UserError, of_the_site
from clearbench.jobs.interruption import Interrupted

_SHARED = ("finetune", "unlearn", "evaluate")
"""The stages whose work several processes can share."""

SECTIONS = {
    "Look": (ask,),
    "Run": (run, fetch, doctor),
    "Prove": (prove, publish),
    "Stages, as the workflow calls them": (stages,),
}
"""The groups of the help, and the modules whose commands are in them."""


def main() -> None:
    """Run the command line; a user's mistake or a site's trouble is one line and exit status 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # What a terminal has no letter for is written as its number.
            stream.reconfigure(errors="backslashreplace")
    try:
        cli(standalone_mode=False)
    except UserError as error:
        _fail(str(error))
    except BrokenPipeError:
        # The reader has seen enough; nothing more is written, not even at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:
        if not of_the_site(error):
            raise
        of_stage = not {command.name for command in _commands(stages)}.isdisjoint(sys.argv)
        end = "; nothing was published" if of_stage else ""
        _fail(f"{error.filename or 'output'}: {error.strerror}{end}")
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
    return [command for command in vars(module).values() if isinstance(command, click.Command)]


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
    parallel.hide_strangers()


for _modules in SECTIONS.values():
    for _module in _modules:
        for _command in _commands(_module):
            cli.add_command(_command)
