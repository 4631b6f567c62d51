"""The speed suite against its baseline: ``python -m tests.perf.ratios out/speed.json [--update]``.

The baseline holds ratios to a reference in the same process, not times: another machine does both faster or slower,
though not quite alike, which is what ``TOLERANCE`` allows for. Exit status 1 on a resolved regression.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tabulate import tabulate

BASELINE = Path(__file__).with_name("baseline.json")
TOLERANCE = 1.5  # of a ratio between machines; a hot path that loses what makes it fast loses more


def read(path: Path) -> dict[str, dict[str, float]]:
    """Ratio with its interval, by test, of a JSON file that pytest-benchmark saved."""
    saved = json.loads(path.read_text(encoding="utf-8"))
    return {one["name"]: one["extra_info"] for one in saved["benchmarks"] if one["extra_info"]}


def verdict(now: dict[str, float], before: float | None) -> str:
    """Whether the whole interval of a ratio lies beyond what the baseline and the machine account for."""
    if before is None:
        return "new"
    if now["low"] > TOLERANCE * before:
        return "REGRESSION"
    return "pass" if now["high"] <= TOLERANCE * before else "inconclusive"


def compared(now: dict[str, dict[str, float]], baseline: dict[str, float]) -> list[list[str]]:
    """Rows of test, ratio, interval, baseline, verdict; a test that is gone is a row too."""
    rows = []
    for name, one in now.items():
        interval = f"[{one['low']:.3g}, {one['high']:.3g}]"
        rows.append(
            [name, f"{one['value']:.3g}", interval, f"{baseline.get(name, '-')}", verdict(one, baseline.get(name))]
        )
    return rows + [[name, "-", "-", f"{baseline[name]}", "not run"] for name in baseline if name not in now]


def main(words: list[str]) -> int:
    """Print the comparison, or make the ratios at hand the baseline."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("saved", type=Path)
    parser.add_argument("--update", action="store_true", help="write the baseline")
    args = parser.parse_args(words)
    now = read(args.saved)
    if args.update:
        text = json.dumps({name: float(f"{one['value']:.3g}") for name, one in now.items()}, indent=2)
        BASELINE.write_text(text + "\n", encoding="utf-8")
    rows = compared(now, json.loads(BASELINE.read_text(encoding="utf-8")))
    print(tabulate(rows, headers=["hot path", "ratio", "95 % interval", "baseline", "verdict"], disable_numparse=True))
    return 1 if any(row[-1] == "REGRESSION" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
