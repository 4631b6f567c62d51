"""``isdbench``: the thin shell around the suite. Parsing arguments imports no torch.

Exit status: 0 done, 1 a check failed or a cell has no figure, 2 bad usage or input, 130 interrupted, 143 terminated.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from benchmark.errors import UserError
from benchmark.examples import FIRST, epilog

COMMANDS = {
    "systems": "list what can be run",
    "datasets": "list the datasets and where to get them",
    "data": "make the synthetic dataset; prepare or check a real dataset folder",
    "run": "measure the cells of one or more tables and write the tables",
    "plan": "say what run would measure, how long that takes, and in which order",
    "figure": "draw one of the paper's qualitative figures",
    "evaluate": "score given weights on a dataset",
    "predict": "write label maps and overlays for images",
    "export": "write a trained system as an ONNX or torch.export file",
    "measure": "measure the cost of one system at one image size",
    "profile": "say where the time and memory of one call go",
    "sweep": "measure cost against image size, until the memory is full",
    "convert": "turn an official checkpoint into ours",
    "new": "write a package with a system of your own, which runs at once",
    "check": "check that a system keeps the contract, and that its card is right",
    "rerun": "repeat the cells of records and say whether they hold",
    "compare": "find what is slower, larger or worse between two sets of records",
    "interleave": "measure two installations alternately, for compare",
    "report": "write tables, plots and the dashboard from records",
    "records": "tidy a folder of records, check those of others, take records back",
    "audit": "recompute every claim of the paper, from its tables and from records",
}


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as those of everything else."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{_one_line(f'{self.prog}: {message}')}; see '{self.prog} --help'\n")


def _one_line(text: str) -> str:
    """Text without line breaks and control codes, which the name of a file may hold."""
    return "".join(character if character.isprintable() else "?" for character in text)


class _TerminatedError(BaseException):
    """SIGTERM, as a job scheduler sends it: raised, so that the process of the cell in flight is ended too."""


def _terminated(_number: int, _frame: FrameType | None) -> None:
    raise _TerminatedError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if "_ARGCOMPLETE" in os.environ:  # set by the shell's completion
        _complete()
    if not words:
        parser_for(words).print_help()
        return 0
    signal.signal(signal.SIGTERM, _terminated)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may be no text
    try:
        args = parser_for(words).parse_args(words)
        status = _status(args)
        sys.stdout.flush()
    except UserError as error:
        print(_one_line(f"isdbench: {error}"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("isdbench: interrupted; the same command continues where it stopped", file=sys.stderr)
        return 130
    except _TerminatedError:
        print("isdbench: terminated; the same command continues where it stopped", file=sys.stderr)
        return 143
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _status(args: argparse.Namespace) -> int:
    """Run the command; with ``--quiet`` its standard output goes nowhere."""
    with contextlib.ExitStack() as stack:
        if getattr(args, "quiet", False):
            nowhere = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(nowhere))
        return int(args.main(args))


def _complete() -> None:
    """Answer the shell, and exit. Names of systems and datasets are completed as well."""
    import argcomplete

    from benchmark import registry
    from benchmark.run.profiles import PROFILES
    from results.paper import OWN_TABLES, TABLE_NAMES

    typed = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT", "0"))]
    lists: dict[str, Callable[[], Iterable[str]]] = {
        "system": registry.cards,
        "systems": registry.cards,
        "dataset": registry.datasets,
        "profile": lambda: PROFILES,
        "tables": lambda: (*TABLE_NAMES, *OWN_TABLES),
    }

    def names(action: argparse.Action, prefix: str = "", **_: object) -> list[str]:
        before, comma, _last = prefix.rpartition(",")  # of a list such as "isdnet,stdc"
        return [before + comma + name for name in lists[action.dest]()] if action.dest in lists else []

    completer: Any = names
    argcomplete.autocomplete(parser_for(typed.split()[1:]), default_completer=completer)


def parser_for(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser; only the command named in ``words`` is imported to add its arguments."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = _Parser(
        prog="isdbench",
        description="Ultra-high-resolution segmentation, measured under one protocol.",
        epilog=FIRST,
        formatter_class=as_written,
    )
    parser.add_argument("--version", action="version", version=f"isdbench {version('isdbench')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    chosen = next((word for word in words if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        text = f"{summary[0].upper()}{summary[1:]}."
        command = commands.add_parser(
            name, help=summary, description=text, epilog=epilog(name), formatter_class=as_written
        )
        if name == chosen:
            module = importlib.import_module(f"benchmark.commands.{name}")
            module.add_arguments(command)
            command.set_defaults(main=module.main)
    return parser
