"""Lists of names are written alike in every command, and a command offers no option that it does not use."""

from argparse import ArgumentParser
from importlib import import_module

import pytest

from benchmark.commands.options import protocol_words

BEFORE = {"run": ["table1"], "figure": ["figure5"], "interleave": ["base", "head"], "sweep": [], "report": []}
LISTS = [
    *(("run", "--systems"), ("figure", "--systems"), ("interleave", "--systems"), ("sweep", "")),
    *(("report", "--tables"), ("figure", "--images"), ("audit", "--refresh-flops")),
]


def parsed(command, *words):
    parser = ArgumentParser()
    import_module(f"benchmark.commands.{command}").add_arguments(parser)
    return parser.parse_args([*BEFORE.get(command, []), *words])


@pytest.mark.parametrize(("command", "option"), LISTS)
def test_names_are_separated_by_commas(command, option):
    args = parsed(command, *filter(None, [option]), "stdc, isdnet,stdc")
    assert getattr(args, option.removeprefix("--").replace("-", "_") or "systems") == ("stdc", "isdnet")


@pytest.mark.parametrize("option", ["--seeds", "--format", "--timing", "--compile", "--channels-last", "--only"])
def test_a_figure_has_no_option_of_tables_or_of_timing(option, capsys):
    with pytest.raises(SystemExit):
        parsed("figure", option)
    assert "unrecognized arguments" in capsys.readouterr().err


def test_an_older_installation_is_told_only_of_a_timing_that_was_asked_for():
    assert "--timing" not in protocol_words(parsed("interleave", "--systems", "stdc"))
    asked = protocol_words(parsed("interleave", "--systems", "stdc", "--timing", "official-fps-script"))
    assert asked[asked.index("--timing") + 1] == "official-fps-script"
