"""Every example in the help is a command line that is understood; the shell completes commands, options and names."""

import os
import shlex
import subprocess
import sys

import pytest

from benchmark.cli import COMMANDS, main, parser_for
from benchmark.examples import EXAMPLES, FIRST

LINES = [line for text in (FIRST, *EXAMPLES.values()) for line in text.splitlines() if "isdbench " in line]


def test_every_command_has_examples():
    assert set(EXAMPLES) == set(COMMANDS)


@pytest.mark.parametrize("line", [line.strip() for line in LINES if "'isdbench COMMAND" not in line])
def test_an_example_is_understood(line):
    words = shlex.split(line.partition(" | ")[0].partition("    ")[0])
    parser_for(words[1:]).parse_args(words[1:])


def test_the_name_alone_prints_what_can_be_done(capsys):
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert "examples:" in printed
    assert all(command in printed for command in COMMANDS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("isdbench mea", "measure"),
        ("isdbench run --sys", "--systems"),
        ("isdbench measure isdn", "isdnet"),
        ("isdbench run table1 --systems fctl,isdn", "fctl,isdnet"),
        ("isdbench run --profile sm", "smoke"),
        ("isdbench run tab", "table1"),
    ],
)
def test_the_shell_completes(typed, wanted, tmp_path):
    answer = tmp_path / "answer"
    shell = {"_ARGCOMPLETE": "1", "COMP_LINE": typed, "COMP_POINT": str(len(typed)), "_ARGCOMPLETE_IFS": "\n"}
    shell |= {"_ARGCOMPLETE_STDOUT_FILENAME": str(answer), "_ARGCOMPLETE_SUPPRESS_SPACE": "1"}
    code = "import sys; sys.argv[0] = 'isdbench'; from benchmark.cli import main; main()"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **shell}, check=True)
    assert wanted in answer.read_text().split("\n")
