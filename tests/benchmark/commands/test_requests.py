"""From words on the command line to RunOptions: the same fields for every measuring command."""

import io
from argparse import ArgumentParser, Namespace
from importlib import import_module

import pytest

from benchmark import registry
from benchmark.commands.chosen import chosen_systems, neutral_table
from benchmark.commands.options import names
from benchmark.commands.progress import Display
from benchmark.commands.requests import check_table_options, cost_options, measured, table_options
from benchmark.errors import UserError
from benchmark.machine import device
from benchmark.run.plan import plan
from benchmark.run.tables import systems_of
from results.paper import paper_table
from results.store import Store
from tests.results.records import record

ALL = ["--timing", "official-fps-script", "--precision", "bf16", "--tf32", "--cudnn-benchmark", "--channels-last"]
ALL += ["--deterministic", "--threads", "3", "--compile", "--device", "cpu"]
FIRST = {"run": ["table1", "--only", "cost"], "measure": ["isdnet"], "sweep": ["isdnet"]}


@pytest.fixture
def capable(monkeypatch, tmp_path):
    """A CPU with instructions for every precision, whatever runs this test."""
    (tmp_path / "cpuinfo").write_text("flags : fpu avx512_bf16 avx512_fp16\n")
    monkeypatch.setattr(device, "CPU_INFO", tmp_path / "cpuinfo")


def parsed(command: str, *words: str) -> Namespace:
    parser = ArgumentParser()
    import_module(f"benchmark.commands.{command}").add_arguments(parser)
    return parser.parse_args([*FIRST[command], *words])


def options_of(command: str, *words: str):
    args = parsed(command, *words)
    return table_options(args, paper_table("table1"), None) if command == "run" else cost_options(args, (64, 96))


@pytest.mark.parametrize("command", FIRST)
def test_every_measuring_command_takes_every_field_of_the_protocol(command, capable):
    made = options_of(command, *ALL)
    assert (made.timing, made.precision, made.compiled, made.threads) == ("official-fps-script", "bf16", True, 3)
    assert all(made.switches.values())
    assert (made.device, made.kinds) == ("cpu", ("cost",))
    plain = options_of(command, "--device", "cpu")
    assert plain.threads >= 1
    assert not any(plain.switches.values())


def test_the_size_is_that_asked_for_and_the_synthetic_world_is_scaled():
    assert options_of("measure", "--device", "cpu").image_size == (64, 96)
    world = options_of("run", "--device", "cpu")
    assert (world.image_size, world.ratio) == ((306, 306), 0.125)
    assert options_of("run", "--device", "cpu", "--profile", "smoke").image_size == (612, 612)


def test_what_the_user_overrides_is_named_in_the_words_of_the_command_line():
    assert options_of("run", "--device", "cpu").overrides == ()
    words = ("--crop", "64x128", "--learning-rate", "0.003", "--batch", "2", "--iterations", "50")
    made = options_of("run", "--device", "cpu", *words)
    assert made.overrides == ("--iterations 50", "--batch 2", "--learning-rate 0.003", "--crop 64x128")
    assert (made.profile.iterations, made.profile.batch) == (50, 2)


@pytest.mark.parametrize(
    "words", [("--seeds", "0"), ("--seed", "-1"), ("--holdout", "-1"), ("--profile", "smok"), ("--systems", "stdcc")]
)
def test_bad_numbers_and_names_are_refused_before_anything_is_made(words):
    with pytest.raises(UserError, match=r"--seeds|unknown"):
        check_table_options(parsed("run", *words))


@pytest.mark.parametrize("command", FIRST)
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_precision_without_instructions_is_refused_before_anything_is_made(command, precision, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text("flags : fpu avx2\n")
    monkeypatch.setattr(device, "CPU_INFO", tmp_path / "cpuinfo")
    with pytest.raises(UserError, match=f"--precision {precision}: this CPU has no {precision} instructions"):
        options_of(command, "--device", "cpu", "--precision", precision)
    assert options_of(command, "--device", "cpu").precision == "fp32"


def test_a_system_that_lists_no_instructions_is_believed(tmp_path, monkeypatch):
    monkeypatch.setattr(device, "CPU_INFO", tmp_path / "none")
    assert options_of("measure", "--device", "cpu", "--precision", "bf16").precision == "bf16"


def test_fp16_does_not_train_on_a_cpu(capable):
    args = parsed("run", "--device", "cpu", "--precision", "fp16")
    args.only = None
    with pytest.raises(UserError, match="training in fp16 needs --device cuda"):
        check_table_options(args)


def test_without_a_table_the_named_systems_are_compared():
    args = parsed("run", "--dataset", "hrf", "--systems", "stdc,isdnet")
    assert neutral_table(args) == "comparison-hrf"
    assert neutral_table(parsed("run", "--systems", "stdc")) == "comparison-deepglobe"
    with pytest.raises(UserError, match="name a table, or the systems to compare with --systems"):
        neutral_table(parsed("run"))


def test_iterations_of_the_user_are_those_of_slow_systems_too():
    made = options_of("run", "--profile", "first", "--iterations", "7")
    assert {made.profile.for_card(registry.card(name)).iterations for name in ("stdc", "fctl")} == {7}
    assert made.profile.for_card(registry.card("fctl")).rounds == 1
    assert (made.profile.cost_only, "fctl" in options_of("run").profile.cost_only) == ((), True)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("isdnet,stdc", ["isdnet", "stdc"]),
        ("unet-*,isdnet", ["unet-local", "unet-global", "unet-s5-local", "unet-s5-global", "isdnet"]),
        ("unet-*,!*s5*", ["unet-local", "unet-global"]),
        ("stdc,!fctl", ["stdc"]),
    ],
)
def test_patterns_of_systems(words, wanted):
    assert sorted(chosen_systems(names(words), paper_table("table1"))) == sorted(wanted)


def test_all_systems_of_a_table_but_some():
    table = paper_table("table1")
    left = chosen_systems(("!fctl", "!magnet*"), table)
    assert [name for name in systems_of(table, registry.cards()) if name not in left] == [
        "magnet",
        "magnet-fast",
        "fctl",
    ]
    assert chosen_systems(None, table) is None


@pytest.mark.parametrize(
    ("words", "said"), [("icnet*", "fits no system of table1"), ("stdc,!st*", "no system is left")]
)
def test_a_pattern_that_leaves_nothing_is_refused(words, said):
    with pytest.raises(UserError, match=said):
        chosen_systems(names(words), paper_table("table1"))


def test_seeds_and_repeats_are_those_asked_for():
    assert options_of("run").seeds == range(1)
    assert options_of("run", "--seed", "4", "--seeds", "2").seeds == range(4, 6)
    for command in FIRST:
        made = options_of(command, "--repeats", "9").profile
        assert (made.min_samples, made.max_samples) == (9, 9)
        assert made.hash != options_of(command).profile.hash
        with pytest.raises(UserError, match="--repeats 5: give 6 or more; fewer have no interval"):
            options_of(command, "--repeats", "5")


def test_records_come_back_in_the_order_of_the_jobs_whatever_runs_first(tmp_path):
    words = ("--profile", "smoke", "--device", "cpu", "--systems", "stdc,unet-local,isdnet")
    jobs = plan(paper_table("table1"), options_of("run", *words))
    ran = []

    def backwards(ordered, _store, _report):
        for job in reversed(ordered):
            ran.append(job.cell.system)
            yield job, record("cost", job.cell.system), True

    found = measured(jobs, Store(tmp_path), Display(io.StringIO()), backwards)
    assert [one.cell.system for one in found] == [job.cell.system for job in jobs] != ran
