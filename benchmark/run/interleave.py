"""Two installations of the suite, measured in turns on one machine, so that its slow spells fall on both.

They alternate sample by sample: the n-th sample of a record and the n-th of its partner are neighbours in time, as
:mod:`results.analysis.compare` pairs them. A third party, ``noise``, is the base once more: what ``base`` and ``noise``
differ by is the machine's doing.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from results.record import Record
from results.store import Store

SIDES = ("base", "head", "noise")
Tell = Callable[[str, int, int], None]  # system, rounds done, rounds in all


def interleave(
    base: Path,
    head: Path,
    systems: Sequence[str],
    options: Sequence[str],
    rounds: int,
    out: Path,
    tell: Tell = lambda *_: None,
) -> None:
    """Measure systems in ``rounds`` rounds and leave the records in ``out/base``, ``out/head`` and ``out/noise``.

    In each round every side makes one record in a process of its own. One sample is taken at a time, every side in
    its turn and in random order.

    Args:
        base: folder of the Python environment with the base installed.
        head: the same of the head.
        systems: names of systems that both have.
        options: for ``isdbench measure``.
        rounds: records of each system and side.
        out: folder for the three stores.
        tell: told after each round.

    Raises:
        UserError: ``out`` holds records already, an environment lacks Python, or a side cannot measure a system.
    """
    stores = {side: Store(out / side) for side in SIDES}
    if any(store.folder.exists() and any(store.folder.iterdir()) for store in stores.values()):
        raise UserError(f"--out {out}: holds records already, perhaps of other code; choose another folder")
    pythons = {"base": _python(base), "head": _python(head), "noise": _python(base)}
    order = random.Random(0)
    for system in systems:
        with ExitStack() as running:
            players = {side: running.enter_context(_Player(pythons[side], system, options)) for side in SIDES}
            for done in range(1, rounds + 1):
                for side, record in _round(players, order).items():
                    stores[side].append(record)
                tell(system, done, rounds)


def _python(environment: Path) -> Path:
    python = environment.absolute() / "bin" / "python"
    if not python.is_file():
        raise UserError(f"{environment}: no Python environment (it lacks bin/python); give the folder of one")
    return python


def _round(players: Mapping[str, _Player], order: random.Random) -> dict[str, Record]:
    """A record of each player; nobody takes his second sample before all have taken their first."""
    answers: dict[str, Record | str] = dict.fromkeys(players, "start")
    while going := {side: answer for side, answer in answers.items() if isinstance(answer, str)}:
        behind = [side for side, step in going.items() if step != "timing"]
        for side in order.sample(behind or list(going), len(behind or going)):
            answers[side] = players[side].go()
    return {side: answer for side, answer in answers.items() if isinstance(answer, Record)}


class _Player:
    """A process of an installation that goes one step further in measuring a system whenever it is asked to."""

    def __init__(self, python: Path, system: str, options: Sequence[str]) -> None:
        self.who = f"{python}: cannot measure '{system}'"
        # an empty working folder: in a checkout, `python -m` would run that and not what is installed
        self.folder = tempfile.TemporaryDirectory()
        self.said = Path(self.folder.name) / "stderr.txt"
        command = [str(python), "-m", "benchmark.turns", system, *options]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with self.said.open("w") as said:
            self.process = subprocess.Popen(command, cwd=self.folder.name, text=True, stderr=said, **pipes)

    def go(self) -> Record | str:
        """The step now reached, or the record made."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            status = self.process.wait()
            lines = self.said.read_text(errors="replace").strip().splitlines() or [f"ended with status {status}"]
            raise UserError(f"{self.who}: {lines[-1]}")
        return Record.model_validate_json(answer) if answer.startswith("{") else answer.strip()

    def __enter__(self) -> _Player:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.process.communicate()  # closes its standard input, which ends it
        self.folder.cleanup()
