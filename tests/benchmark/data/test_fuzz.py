"""Mutated files never crash, hang or fill the memory: they are read, or refused in one line."""

import json
import os
import sys
from subprocess import run

import pytest

from tests.packages import environment

pytest.importorskip("rasterio")


@pytest.mark.slow
def test_mutated_files_are_read_or_refused(tmp_path):
    count = int(os.environ.get("ISDBENCH_FUZZ", "400"))  # `nox -s fuzz` tries 10,000
    command = [sys.executable, "-m", "tests.benchmark.data.fuzz", str(count), str(tmp_path)]
    done = run(command, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, f"the file at work is in {tmp_path}: {done.stderr[-2000:]}"
    counts = json.loads(done.stdout.splitlines()[-1])
    print(counts)
    read, refused = (
        sum(found for name, found in counts.items() if name.endswith(end)) for end in (": read", ": refused")
    )
    assert read + refused == count
    assert min(read, refused) > count / 20  # neither all nor nothing gets through
