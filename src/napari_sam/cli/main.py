"""Find the command, run it, and turn errors into one line and an exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..errors import NapariSamError
from . import auto, convert, demo, evaluate, methods, models, replay, segment, stack, train
from .arguments import UsageError

COMMANDS = (demo, segment, auto, stack, convert, replay, methods, evaluate, train, models)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``napari-sam``.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after the command's name; those of the process by default.

    Returns
    -------
    int
        0 when it worked and 1 when it failed. Wrong arguments leave through `SystemExit` with 2.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments)
    except UsageError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        return _fail("stopped.")
    except (NapariSamError, OSError) as error:
        if arguments.debug:
            raise
        return _fail(str(error))
    except Exception as error:  # the last resort: whatever went wrong, the person gets one line
        if arguments.debug:
            raise
        return _fail(f"{type(error).__name__}: {error} (this is a bug; --debug shows where)")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="napari-sam", description="Segment Anything for microscopy.", epilog="Try: napari-sam demo"
    )
    every_command = argparse.ArgumentParser(add_help=False)
    every_command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands, every_command)
    return parser


def _fail(message: str) -> int:
    print("napari-sam:", " ".join(message.split()), file=sys.stderr)
    return 1
