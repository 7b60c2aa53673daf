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

from clearbench import kernels, parallel
from clearbench.cli import (
    ask,
    compare,
    data,
    doctor,
    fetch,
    plain_stages,
    prove,
    publish,
    report,
    run,
    stages,
    verify,
)
from clearbench.config.site import choose_kernels
from clearbench.errors import UserError, of_the_site, remedy
from clearbench.jobs.interruption import Interrupted
from clearbench.suite.artifact import SHARED_OUT


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
        of_stage = not {command.name for command in _OF_STAGES}.isdisjoint(sys.argv)
        end = "; nothing was published" if of_stage else ""
        _fail(f"{error.filename or 'output'}: {error.strerror}{remedy(error)}{end}")
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
        for title, commands in SECTIONS.items():
            rows = [
                (f"{command.name:<{width}}", (command.help or "").partition("\n\n")[0])
                for command in commands
                if not command.hidden
            ]
            with formatter.section(title):
                formatter.write_dl(rows)


def _commands(*modules: object) -> list[click.Command]:
    values = (value for module in modules for value in vars(module).values())
    return [value for value in values if isinstance(value, click.Command)]


_WRITTEN = _commands(stages, report)
_PLAIN = plain_stages.commands({str(command.name) for command in _WRITTEN})
_OF_STAGES = [*_WRITTEN, *_PLAIN]

SECTIONS = {
    "Look": _commands(ask, report, compare),
    "Run": _commands(run, data, fetch, doctor),
    "Prove": _commands(prove, publish, verify),
    "Stages, as the workflow calls them": [*_commands(stages), *_PLAIN],
}
"""The groups of the help with their commands."""


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
    help=f"Share a job ({', '.join(SHARED_OUT)}) among processes, a GPU each.",
)
@click.option(parallel.LAUNCHED, "launched", is_flag=True, hidden=True)
@click.pass_context
def cli(context: click.Context, processes: int, launched: bool) -> None:
    """Multimodal machine unlearning: the CLEAR benchmark from data to tables."""
    kernels.choose(choose_kernels())
    if processes > 1 and context.invoked_subcommand not in SHARED_OUT:
        raise click.UsageError(f"--processes: for {', '.join(SHARED_OUT)} alone")
    if launched:
        parallel.join(processes)
    elif processes > 1:
        parallel.launch(processes)
    parallel.hide_strangers()


for _command in (command for commands in SECTIONS.values() for command in commands):
    cli.add_command(_command)
