"""Every verdict of the audit derived a second time: plain arithmetic on the CSV files, without the audit's code."""

import csv
from pathlib import Path
from types import SimpleNamespace

import pytest

from reports.paper_check.claims import audit
from results.paper import claims as claims_module

FOLDER = Path(claims_module.__file__).parent


def table(number):
    """Rows by name with dashes as underscores, each with miou, fps and memory as floats."""
    with (FOLDER / f"table{number}.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    names = {"miou": "miou_paper", "fps": "fps", "mb": "memory_gpustat_mb"}
    return {
        line["row"].replace("-", "_"): SimpleNamespace(
            group=line["group"], **{short: float(line.get(name) or "nan") for short, name in names.items()}
        )
        for line in lines
    }


def others(rows, value):
    return [getattr(row, value) for name, row in rows.items() if name != "isdnet"]


def of_group(rows, word, value):
    return [getattr(row, value) for name, row in rows.items() if word in row.group and name != "isdnet"]


def not_of(rows, word, value):
    return [getattr(row, value) for row in rows.values() if word not in row.group]


T = {f"t{number}": table(number) for number in range(1, 8)}
NAMES = {name: SimpleNamespace(**rows) for name, rows in T.items()}
HOLDS = {  # what must be true for the claim to hold, rounding allowed for where it decides
    "deepglobe-miou": "t1.isdnet.miou == 73.30",
    "deepglobe-fps": "t1.isdnet.fps == 27.70",
    "deepglobe-172x": "27.695 / 0.135 <= 172.5 and 171.5 <= 27.705 / 0.125",
    "deepglobe-more-accurate": "t1.isdnet.miou > t1.fctl.miou",
    "consistently-superior": "all(t['isdnet'].miou > max(others(t, 'miou')) for t in (T['t1'], T['t2'], T['t3']))",
    "uhr-accurate-and-lean": "all(mean(of_group(T[t], 'UHR', 'miou')) > mean(not_of(T[t], 'UHR', 'miou'))"
    " and mean(of_group(T[t], 'UHR', 'mb')) < mean(not_of(T[t], 'UHR', 'mb')) for t in ('t1', 't2', 't3'))",
    "fctl-8s": "round(1 / t1.fctl.fps) == 8",
    "fctl-26s": "1 / 0.045 <= 26.5 and 25.5 <= 1 / 0.035",
    "deepglobe-split": "455 + 207 + 142 == 803",
    "inria-split": "126 + 27 + 27 == 180",
    "cityscapes-split": "2975 + 500 + 1525 == 5000",
    "inria-miou-is-class-mean": "t2.isdnet.miou > (74.39 + 85.985) / 2",
    "deepglobe-highest-miou": "t1.isdnet.miou > max(others(T['t1'], 'miou'))",
    "local-inference-slower": "t1.unet_local.fps < t1.unet_global.fps and t1.fcn8s_local.fps < t1.fcn8s_global.fps"
    " and t1.deeplabv3plus_local.fps < t1.deeplabv3plus_global.fps",
    "local-inference-more-accurate": "t1.unet_local.miou > t1.unet_global.miou"
    " and t1.fcn8s_local.miou > t1.fcn8s_global.miou"
    " and t1.deeplabv3plus_local.miou > t1.deeplabv3plus_global.miou",
    "ppn-2.5x": "2.45 <= t1.isdnet.fps / t1.ppn.fps <= 2.55",
    "ppn-higher-accuracy": "t1.isdnet.miou > t1.ppn.miou",
    "inria-25-million-pixels": "5000 * 5000 == 25e6",
    "inria-four-times-the-pixels": "round(5000**2 / 2448**2) == 4",
    "inria-best-miou-and-fps": "t2.isdnet.miou > max(others(T['t2'], 'miou'))"
    " and t2.isdnet.fps > max(others(T['t2'], 'fps'))",
    "inria-uhr-accurate-and-lean": "mean(of_group(T['t2'], 'UHR', 'miou')) > mean(of_group(T['t2'], 'Gen', 'miou'))"
    " and mean(of_group(T['t2'], 'UHR', 'mb')) < mean(of_group(T['t2'], 'Gen', 'mb'))",
    "inria-fcn8s-least-memory": "t2.fcn8s.mb == min(row.mb for row in T['t2'].values())",
    "inria-over-fcn8s": "t2.isdnet.miou > t2.fcn8s.miou and t2.isdnet.fps > t2.fcn8s.fps",
    "inria-172x": "6.895 / 0.045 <= 172.5 and 171.5 <= 6.905 / 0.035",
    "cityscapes-above-uhr": "t3.isdnet.miou > max(of_group(T['t3'], 'UHR', 'miou'))",
    "cityscapes-faster-than-deeplabv3": "t3.isdnet.fps > t3.deeplabv3.fps",
    "cityscapes-lightweight": "all(t3.isdnet.miou > row.miou and t3.isdnet.mb < row.mb"
    " for row in (t3.bisenetv1, t3.bisenetv2, t3.icnet, t3.stdc))",
    "pspnet-isd-miou": "t4.pspnet_isd.miou > max(t4.pspnet_half.miou, t4.pspnet_quarter.miou)",
    "pspnet-isd-3.8x": "3.75 <= t4.pspnet_isd.fps / t4.pspnet.fps <= 3.85",
    "pspnet-isd-loses-some": "t4.pspnet_isd.miou < t4.pspnet.miou",
    "segformer-isd-similar": "max(t4.segformer_b0_half.miou, t4.segformer_b0_quarter.miou) < t4.segformer_b0_isd.miou"
    " < t4.segformer_b0.miou and t4.segformer_b0_isd.fps > t4.segformer_b0.fps",
    "deep-branch-6x": "round(t5.d_s.fps / t5.d_full.fps) == 6",
    "deep-quarter-trade": "t5.d_quarter.miou < t5.d_full.miou and t5.d_quarter.fps > t5.d_full.fps",
    "shallow-quarter-less-accurate": "t5.d_s.miou > t5.s_quarter.miou",
    "shallow-quarter-trade": "t5.s_quarter.miou < t5.s_full.miou and t5.s_quarter.fps > t5.s_full.fps",
    "raf-more-accurate-than-addition": "t6.add_cw_ms_md.miou > max(t6.add.miou, t6.add_cw.miou)",
    "raf-leaner-and-faster-than-concatenation": "t6.add_cw_ms_md.fps > max(t6.concat.fps, t6.concat_cw.fps)"
    " and t6.add_cw_ms_md.mb < t6.concat_cw.mb",
    "losses-0.39": "round(t7.sr_sd.miou - t7.base.miou, 2) == 0.39",
    "high-frequency-0.6": "round(t7.sr_sd_h.miou - t7.sr_sd.miou, 1) == 0.6",
    "super-resolution-helps": "t7.sr.miou > t7.base.miou and t7.sr_sd_h.miou > t7.sr_sd.miou",
    "stdc-printed-twice": "t1.stdc.miou == t5.s_full.miou",
    "addition-printed-twice": "t5.d_s.fps == t6.add.fps",
    "isdnet-printed-three-times": "t1.isdnet.miou == t6.add_cw_ms_md.miou == t7.sr_sd_h.miou"
    " and (t1.isdnet.fps, t1.isdnet.mb) == (t6.add_cw_ms_md.fps, t6.add_cw_ms_md.mb)",
    "pspnet-printed-twice": "(t3.pspnet.miou, t3.pspnet.fps, t3.pspnet.mb)"
    " == (t4.pspnet.miou, t4.pspnet.fps, t4.pspnet.mb)",
    "accuracy-of-rivals-copied": "(t1.magnet.miou, t1.magnet_fast.miou, t3.magnet.miou, t3.magnet_fast.miou)"
    " == (72.96, 71.85, 67.57, 66.91)",
    "rivals-timed-by-the-authors": "t1.magnet_fast.fps != 3.40 and t1.magnet_fast.mb != 1559 and t1.ppn.fps != 12.90",
}
BY_TWO_READINGS = {
    "figure1-speed-and-accuracy": (
        "t1.isdnet.miou > max(t1.deeplabv3plus_global.miou, t1.stdc.miou, t1.fctl.miou)"
        " and t1.isdnet.fps > max(t1.deeplabv3plus_global.fps, t1.stdc.fps, t1.fctl.fps)",
        "t1.isdnet.miou > max(t5.d_quarter.miou, t5.s_full.miou)"
        " and t1.isdnet.fps > max(t5.d_quarter.fps, t5.s_full.fps)",
    )
}
WITHOUT_A_BOUND = {
    "baseline-contains-shallow",
    "deepglobe-better-balance",
    "fast-and-lean",
    "inria-few-memory",
    "cityscapes-comparable-generic",
    "cityscapes-similar-deeplabv3",
    "structure-distillation-needed",
}


def mean(values):
    return sum(values) / len(values)


@pytest.mark.parametrize("found", audit([], []), ids=lambda found: found.claim.name)
def test_the_verdict_is_what_plain_arithmetic_gives(found):
    if found.claim.name in WITHOUT_A_BOUND:
        assert found.verdict == "no bound stated"
        return
    helpers = {"T": T, "others": others, "of_group": of_group, "not_of": not_of, "mean": mean}
    if found.claim.name in BY_TWO_READINGS:
        first, second = (eval(rule, {**NAMES, **helpers}) for rule in BY_TWO_READINGS[found.claim.name])
        assert (found.verdict == "depends on the reading") == (first != second)
        return
    holds = eval(HOLDS[found.claim.name], {**NAMES, **helpers})
    assert found.verdict.startswith("holds") == holds
