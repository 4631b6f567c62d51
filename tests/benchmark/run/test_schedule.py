"""The order of cells on several machines."""

import itertools
import random

import pytest

from benchmark.run.schedule import Task, chains, schedule


def made(cells=60, seed=0):
    """Cells of which every third starts from the weights of an earlier one."""
    draw = random.Random(seed)
    return [
        Task(str(place), draw.uniform(1, 100), str(draw.randrange(place)) if place % 3 == 2 else "")
        for place in range(cells)
    ]


@pytest.mark.parametrize("machines", [1, 3, 200])
def test_each_cell_runs_once_after_the_one_it_needs_and_alone_on_its_machine(machines):
    tasks = made()
    placed = {one.key: one for one in schedule(tasks, machines)}
    assert len(placed) == len(tasks)
    for task in tasks:
        assert placed[task.key].end_s - placed[task.key].start_s == pytest.approx(task.seconds)
        if task.needs:
            assert placed[task.key].start_s >= placed[task.needs].end_s
    for machine in range(machines):
        own = sorted((one.start_s, one.end_s) for one in placed.values() if one.machine == machine)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(own))


def test_one_machine_is_never_idle_and_many_take_the_longest_chain():
    tasks = made()
    total, longest = sum(task.seconds for task in tasks), max(chains(tasks).values())
    assert max(one.end_s for one in schedule(tasks, 1)) == pytest.approx(total)
    assert max(one.end_s for one in schedule(tasks, len(tasks))) == pytest.approx(longest)


def test_the_longest_chain_starts_first():
    tasks = [Task("short", 1.0), Task("base", 2.0), Task("refiner", 50.0, "base"), Task("long", 40.0)]
    assert [one.key for one in schedule(tasks, 1)] == ["base", "refiner", "long", "short"]
    assert chains(tasks) == {"short": 1.0, "base": 52.0, "refiner": 50.0, "long": 40.0}


def test_what_is_on_record_keeps_nobody_waiting():
    assert [one.start_s for one in schedule([Task("refiner", 5.0, "a base on record")], 1)] == [0.0]


def test_there_may_be_nothing_to_do():
    assert schedule([], 4) == []


def test_twenty_thousand_cells_on_a_thousand_machines():
    tasks = made(20_000)
    end_s = max(one.end_s for one in schedule(tasks, 1000))
    least_s = max(sum(task.seconds for task in tasks) / 1000, *chains(tasks).values())
    assert least_s <= end_s <= 1.1 * least_s
