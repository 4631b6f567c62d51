"""The title and caption of a table, computed from the records behind it: what was measured, how far it compares."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.tables.columns import CPU_PROBE, Measure
from reports.tables.groups import Group
from results.paper import DATASETS, PaperTable

_TITLES = {"synthetic": "synthetic world", "": "no dataset"} | {name: paper.title for name, paper in DATASETS.items()}
PAPER_MACHINE = "RTX 2080 Ti, batch 1, memory by gpustat"


def title(paper: PaperTable, group: Group) -> str:
    """The table's number and subject, and what ours was measured on where that is not the whole of it."""
    limits = limitations(group)
    return f"Table {paper.number} of the paper: {paper.title}" + (f" – ours: {limits}" if limits else "")


def limitations(group: Group) -> str:
    """Why ours is not the paper's dataset as a whole; empty where it is."""
    name = _dataset(group)
    if group.dataset not in DATASETS:
        return f"{name} of {_size(group.image_size)}"
    done = _done(group.accuracy)
    if done.empty:
        return ""
    paper, split = DATASETS[group.dataset], str(done["split"].iloc[0])
    if split not in paper.splits:
        return f"{name}, split '{split}', which is none of the official ones"
    scored, trained = int(done["images"].max()), int(done["train_images"].max())
    if scored < paper.splits[split] or trained < paper.splits["train"]:
        return (
            f"part of {name}: {scored} of {paper.splits[split]} {split} and {trained} of {paper.splits['train']} "
            "training images"
        )
    return ""


def caption(paper: PaperTable, group: Group, measures: tuple[Measure, ...]) -> str:
    """One paragraph: data, profile, recipe, weights, seeds, machine, definitions, comparability, protocols, dates."""
    kinds = {measure.kind for measure in measures}
    sentences = [f"Paper: {DATASETS[paper.dataset].title}, {PAPER_MACHINE}.", _setting(group)]
    if "accuracy" in kinds:
        sentences += [_accuracy(group), _definition(paper, group)]
    if "cost" in kinds:
        sentences += [_cost(group)]
    return " ".join(filter(None, [*sentences, _comparability(paper, group), _provenance(group)]))


def _setting(group: Group) -> str:
    recipe = f", recipe {group.recipe}" if group.recipe else ""
    threads = group.rows["threads"].dropna()
    cores = f" ({_values(threads.astype(int))} CPU threads)" if not threads.empty else ""
    return (
        f"Ours: {_dataset(group)}, images of {_size(group.image_size)}{_scale(group)}, "
        f"profile {group.profile}{recipe}, {_values(group.rows['precision'])} on {group.hardware}{cores}."
    )


def _size(height_width: tuple[int, int]) -> str:
    return "{}x{}".format(*height_width)


def _scale(group: Group) -> str:
    scale = float(group.rows["evaluated_scale"].iloc[0])
    return "" if scale == 1.0 else f" evaluated at {scale:g} of their side"


def _accuracy(group: Group) -> str:
    done = _done(group.accuracy)
    if done.empty:
        return "No accuracy was measured."
    seeds = sorted(set(done["seed"].astype(int)))
    several = f"seeds {', '.join(map(str, seeds))}; n counts them, mean ± standard deviation where n > 1"
    weights = ", ".join(f"{kind} ({count})" for kind, count in _systems_by(done, "weights").items())
    return (
        f"Accuracy: {_values(done['images'].astype(int))} images of split {_values(done['split'])} scored after "
        f"training on {_values(done['train_images'].astype(int))}{_iterations(done)}; systems by weights before "
        f"training: {weights}; "
        f"{several if len(seeds) > 1 else f'seed {seeds[0]} (n = 1)'}."
    )


def _iterations(done: pd.DataFrame) -> str:
    """How long systems trained; those with another number than most are named."""
    known = done.dropna(subset=["iterations"])
    if known.empty:
        return ""
    common = int(known["iterations"].mode().iloc[0])
    others = known[known["iterations"] != common]
    named = [
        f"{int(count)} for {', '.join(sorted(set(part)))}" for count, part in others.groupby("iterations")["system"]
    ]
    return f" for {', '.join([f'{common} iterations', *named])}"


def _definition(paper: PaperTable, group: Group) -> str:
    printed, ours = DATASETS[paper.dataset].miou_paper, _miou_paper(group)
    if printed == ours:
        return f"miou_paper is the {printed}, in percent."
    return f"miou_paper is the {printed} for the paper's figures and the {ours} for ours, in percent."


def _miou_paper(group: Group) -> str:
    dataset = "deepglobe" if group.dataset == "synthetic" else group.dataset  # the synthetic world has its classes
    return DATASETS[dataset].miou_paper if dataset in DATASETS else f"mean IoU that {dataset} defines"


def _cost(group: Group) -> str:
    if _done(group.cost).empty:
        return "No cost was measured."
    region = _values(_done(group.cost)["timed_region"].dropna())
    image = "noise" if (group.cost["input"] == "noise").all() else "one synthetic scene"
    fps = (
        f"FPS is 1 / median latency of {region} on {image} at batch 1, random weights, with the median's 95 % interval;"
    )
    if group.cost["device"].iloc[0] == "cpu":
        peak = f"the peak resident set over the idle process plus the weights ({CPU_PROBE})"
        return f"{fps} memory is {peak}, not the paper's gpustat."
    return f"{fps} memory is the peak by the probe named in the header (MB = 2^20 bytes)."


def _comparability(paper: PaperTable, group: Group) -> str:
    sentences = []
    for figures, limits in (
        ("Accuracy is", accuracy_limits(paper, group)),
        ("FPS and memory are", _cost_limits(paper, group)),
    ):
        if limits:
            sentences.append(f"{figures} not comparable with the paper's: {', '.join(limits)}.")
    return " ".join(sentences)


def accuracy_limits(paper: PaperTable, group: Group) -> list[str]:
    """Why our accuracies cannot stand beside the paper's; empty where they can, or where there are none."""
    done = _done(group.accuracy)
    if done.empty:
        return []
    limits = [limitations(group)] if limitations(group) else []
    if _miou_paper(group) != DATASETS[paper.dataset].miou_paper:
        limits.append("another definition of the figure")
    if group.profile != "paper":
        limits.append(f"the shortened training of profile {group.profile}")
    if (done["weights"] != "imagenet").any():
        limits.append("random weights before training")
    return limits


def _cost_limits(paper: PaperTable, group: Group) -> list[str]:
    if _done(group.cost).empty or paper.columns == ("miou_paper",):
        return []
    limits = [] if "2080 Ti" in group.hardware else ["another machine"]
    if group.image_size != DATASETS[paper.dataset].image_size:
        limits.append(f"images of {_size(group.image_size)} instead of {_size(DATASETS[paper.dataset].image_size)}")
    return limits


def _provenance(group: Group) -> str:
    protocols = [
        f"{kind} {frame['protocol_hash'].iloc[0]}"
        for kind, frame in (("accuracy", group.accuracy), ("cost", group.cost))
        if not frame.empty
    ]
    days = sorted({str(created)[:10] for created in group.rows["created"]})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    versions = _values(group.rows["metric_version"])
    return (
        f"Protocol {', '.join(protocols)}; metric version {versions}; {when}, commit {_values(group.rows['commit'])}."
    )


def _dataset(group: Group) -> str:
    return _TITLES.get(group.dataset, group.dataset)


def _done(frame: pd.DataFrame) -> pd.DataFrame:
    done: pd.DataFrame = frame[frame["status"] == "ok"]
    return done


def _values(column: pd.Series[Any]) -> str:
    return " and ".join(map(str, sorted(set(column))))


def _systems_by(frame: pd.DataFrame, column: str) -> dict[str, int]:
    counts = frame.groupby(column)["system"].nunique()
    return {str(name): int(count) for name, count in counts.items()}
