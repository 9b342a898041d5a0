"""Find the command, run it, and turn errors into one line and an exit status."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from ..errors import NapariSamError
from ..files.writing import REFUSED
from . import auto, convert, demo, evaluate, methods, models, replay, segment, stack, train
from .arguments import UsageError, tied
from .streams import UNREAD, drop_unwritten, prepare_streams

STOPPED = 128 + signal.SIGINT
"""Exit status after Ctrl+C, as a shell tells it."""
COMMANDS = (demo, segment, auto, stack, convert, replay, methods, evaluate, train, models)


class Version(argparse.Action):
    """Prints the version, which is looked up when it is asked for only."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print it and leave."""
        from .. import __version__

        print(f"{parser.prog} {__version__}")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``napari-sam``.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after the command's name; those of the process by default.

    Returns
    -------
    int
        0 when it worked, 1 when it failed, `STOPPED` after Ctrl+C, and `UNREAD` when nobody reads on what is
        printed. Wrong arguments leave through `SystemExit` with 2.
    """
    prepare_streams()
    try:
        status = _run(argv)
    except BrokenPipeError:
        status = UNREAD
    finally:
        drop_unwritten()
    if status == STOPPED and argv is None:
        _end_by_signal()
    return status


def _end_by_signal() -> None:
    """End the process as Ctrl+C does: after any status, a shell goes on with the next image of its loop."""
    if os.name == "posix":  # which it cannot be told elsewhere
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)


def _run(argv: Sequence[str] | None) -> int:
    parser = build_parser()
    arguments = parser.parse_args(tied(sys.argv[1:] if argv is None else argv))
    if not arguments.debug:
        logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it logs what we say in a sentence
    try:
        arguments.run(arguments)
        sys.stdout.flush()
    except UsageError as error:
        arguments.command.error(str(error))
    except KeyboardInterrupt as stop:
        return _fail(str(stop) or "stopped.", STOPPED)
    except BrokenPipeError:
        raise
    except (NapariSamError, OSError) as error:
        if arguments.debug:
            raise
        return _fail(_said(error))
    except Exception as error:  # the last resort: whatever went wrong, the person gets one line
        if arguments.debug:
            raise
        from ..weights.device import is_memory_error

        if is_memory_error(error):
            return _fail("There is too little memory; close other programs, or use smaller images.")
        return _fail(f"{type(error).__name__}: {error} (this is a bug; --debug shows where)")
    return 0


def _said(error: Exception) -> str:
    """Return what a person is told of an error; of those of the system, what to do as well."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "The disk is full; make room and start the same again."
    if isinstance(error, OSError) and error.errno in REFUSED:
        return f"{error.filename} may not be read or written to ({error.strerror}); choose another place."
    return str(error)


def build_parser() -> argparse.ArgumentParser:
    """Return what reads the arguments.

    Of what it parses, `run` is the command's function and `command` what reads the command's arguments.
    """
    parser = argparse.ArgumentParser(
        prog="napari-sam", description="Segment Anything for microscopy.", epilog="Try: napari-sam demo"
    )
    parser.add_argument("--version", action=Version, nargs=0, help="show the version and leave")
    every_command = argparse.ArgumentParser(add_help=False)
    every_command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands, every_command)
    for each in commands.choices.values():
        each.set_defaults(command=each)
    return parser


def helps() -> dict[str, str]:
    """Return what ``napari-sam COMMAND --help`` prints, by the command."""
    parser = build_parser()
    commands = next(each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    return {name: command.format_help() for name, command in commands.choices.items()}


def _fail(message: str, status: int = 1) -> int:
    print("napari-sam:", " ".join(message.split()), file=sys.stderr)
    return status
