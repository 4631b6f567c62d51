"""A table's title, its caption of two lines and the details on how ours were measured, computed from the records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from reports.tables import training
from reports.tables.columns import CPU_PROBE, Measure
from reports.tables.groups import Group
from reports.tables.table import counted
from results.cell import ENGINES
from results.paper import ACCURACY_FROM, DATASETS, PaperTable

PAPER_CARD = "2080 Ti"  # part of the card's name; batch 1, memory by gpustat


def title(paper: PaperTable, group: Group) -> str:
    """The table's number and subject, and the data behind ours where that is not the paper's full dataset."""
    if paper.is_neutral:
        return f"Comparison on {_dataset(group)} of {_size(group.image_size)}"
    if not paper.is_printed:
        return f"Methods of Table 1 on {paper.title}"
    limits = limitations(group)
    return f"Table {paper.number} of the paper: {paper.title}" + (f" – ours: {limits}" if limits else "")


def setting(group: Group) -> str:
    """What ours were measured on, in a few words: dataset, image size, machine, profile."""
    return f"{_dataset(group)} {_size(group.image_size)}, {group.hardware}, profile {group.profile}"


def limitations(group: Group) -> str:
    """Why our data are not the paper's full dataset; empty where they are."""
    name, done = _dataset(group), group.nets
    if group.dataset not in DATASETS:
        return f"{name} of {_size(group.image_size)}"
    if done.empty:
        return ""
    paper, split = DATASETS[group.dataset], str(done["split"].iloc[0])
    if split not in paper.splits:
        return f"{name}, split '{split}', which is not an official one"
    scored, trained = int(done["images"].max()), int(done["train_images"].max())
    if scored < paper.splits[split] or trained < paper.splits["train"]:
        return (
            f"part of {name}: {scored} of {paper.splits[split]} {split} and {trained} of {paper.splits['train']} "
            "training images"
        )
    return ""


def caption(paper: PaperTable, group: Group) -> tuple[str, str]:
    """Two lines: what ours were measured on, and how far they compare with the paper's values."""
    done = group.nets
    ratio = float(group.rows["image_ratio"].iloc[0])
    reduced = f", {ratio:g} of the images' sides" if ratio != 1 else ""
    data = f"{_dataset(group)} of {_size(group.image_size)} pixels{reduced}"
    if done.empty:
        data += ", no accuracy measured"
    else:
        seeds = sorted(set(done["seed"].astype(int)))
        images = (
            f"{_values(done['train_images'].astype(int))} for training, {_values(done['images'].astype(int))} scored"
        )
        data += f" ({images}), seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))} (n = {len(seeds)})"
    recipe = (f", recipe {group.recipe}" if group.recipe else "") + training.overrides(done)
    cores = _cores(group)
    engine = "".join(f", timed in {ENGINES[one]}" for one in group.cost["engine"].unique() if one in ENGINES)
    engine += ", each system in its fastest form" if is_optimized(group) else ""
    precision = "" if engine.endswith("int8") else f"{_values(group.rows['precision'])} on "
    machine = f"{precision}{group.hardware}{cores}{engine}"
    meaningless = is_untrained(group)
    limits = [text for text in _limits(paper, group) if not (meaningless and text.startswith("Accuracy"))]
    beside = " ".join(filter(None, [training.untrained(done), *limits])) or _paper(paper)
    return f"Ours: {data}; profile {group.profile}{recipe}; {machine}.", beside


def _cores(group: Group) -> str:
    """The CPU threads of measurements and, where they differ, of trainings, in brackets; empty for a GPU."""
    threads = {kind: rows["threads"].dropna().astype(int) for kind, rows in group.rows.groupby("kind")}
    timed, trained = threads.get("cost"), threads.get("accuracy")
    main = trained if timed is None or timed.empty else timed
    if main is None or main.empty:
        return ""
    text = f"{_values(main)} CPU thread{'s' * bool((main != 1).any())}"
    if trained is not None and not trained.empty and set(trained) != set(main):
        text += f", {_values(trained)} for each training"
    return f" ({text})"


def is_optimized(group: Group) -> bool:
    """Whether its costs are those of each system's fastest form."""
    return bool(group.cost["form"].fillna("").ne("").any())


def is_faithful(group: Group) -> bool:
    """Whether its costs are those of the systems as their authors made them."""
    return not is_optimized(group) and not group.cost["engine"].isin(ENGINES).any()


def with_untrained(group: Group) -> Group:
    """The same group, whose accuracies say in the column ``untrained`` whether their nets were hardly trained."""
    hardly = training.hardly_trained(group.nets).index
    return replace(group, accuracy=group.accuracy.assign(untrained=group.accuracy.index.isin(hardly)))


def is_untrained(group: Group) -> bool:
    """Whether the group has accuracies and all of them are of nets trained for fewer than 100 iterations."""
    done = group.nets
    return not done.empty and len(training.hardly_trained(done)) == len(done)


def setup(paper: PaperTable, group: Group, measures: tuple[Measure, ...]) -> Iterator[str]:
    """How ours were measured, a line for each subject: paper, accuracy, mIoU, cost, comparability, provenance."""
    kinds = {measure.kind for measure in measures}
    yield _paper(paper)
    if "accuracy" in kinds:
        yield _accuracy(group)
        nets = group.nets
        yield from filter(None, [training.in_common(nets), training.settings(nets), training.shared_weights(nets)])
        yield _definition(paper, group)
    if "cost" in kinds:
        yield _cost(group)
    scale = float(group.rows["evaluated_scale"].iloc[0])
    if scale != 1.0:
        yield f"Images enter a system at {scale:g} of their side."
    yield from _limits(paper, group)
    frames = (("accuracy", group.accuracy), ("cost", group.cost))
    hashes = [f"{kind} {frame['protocol_hash'].iloc[0]}" for kind, frame in frames if not frame.empty]
    days = sorted({str(created)[:10] for created in group.rows["created"]})
    yield (
        f"Protocol {', '.join(hashes)}; metric version {_values(group.rows['metric_version'])}; measured "
        f"{' to '.join(dict.fromkeys((days[0], days[-1])))} by commit {_values(group.rows['commit'])}."
    )


def accuracy_limits(paper: PaperTable, group: Group) -> list[str]:
    """Why our accuracies do not compare with the paper's; empty where they do, or where there are none."""
    done = group.nets
    if done.empty or not paper.is_printed:
        return []
    limits = {
        limitations(group): bool(limitations(group)),
        "another definition of mIoU": _miou_paper(group) != DATASETS[paper.dataset].miou_paper,
        f"training shortened by profile {group.profile}": group.profile != "paper",
        "training from random weights": not done["weights"].isin(["imagenet", *training.TAKEN_OVER]).all(),
    }
    return [limit for limit, applies in limits.items() if applies]


def cost_limits(paper: PaperTable, group: Group) -> list[str]:
    """Why our speed and memory do not compare with the paper's; empty where they do, or where there are none."""
    if group.timed.empty or paper.columns == ("miou_paper",) or not paper.is_printed:
        return []
    size = DATASETS[paper.dataset].image_size
    limits = {
        "another machine": PAPER_CARD not in group.hardware,
        f"images of {_size(group.image_size)} instead of {_size(size)}": group.image_size != size,
    }
    return [limit for limit, applies in limits.items() if applies]


def comparable(paper: PaperTable, group: Group, kind: str) -> bool:
    """Whether values of a kind, "accuracy" or "cost", may be set against the paper's: as a ratio or difference."""
    frame, limits = (group.nets, accuracy_limits) if kind == "accuracy" else (group.timed, cost_limits)
    return not frame.empty and not limits(paper, group)


def _limits(paper: PaperTable, group: Group) -> Iterator[str]:
    """One sentence for accuracy and one for cost where they do not compare with the paper's."""
    accuracy, cost = accuracy_limits(paper, group), cost_limits(paper, group)
    if accuracy:
        yield f"Accuracy is not comparable with the paper's: {', '.join(accuracy)}."
    if cost:
        yield f"FPS and memory are not comparable with the paper's: {', '.join(cost)}."


def _paper(paper: PaperTable) -> str:
    if paper.is_neutral:
        return "Nothing here is compared with the paper."
    if not paper.is_printed:
        return "The paper has no values on this dataset."
    copied = f"; by its caption {ACCURACY_FROM[paper.name]}" if paper.name in ACCURACY_FROM else ""
    return f"Paper: {DATASETS[paper.dataset].title}, RTX {PAPER_CARD}, batch 1, memory by gpustat{copied}."


def _accuracy(group: Group) -> str:
    done = group.nets
    if done.empty:
        return "Accuracy: none was measured."
    known = done.dropna(subset=["iterations"])
    counts = []
    if not known.empty:
        usual = int(known["iterations"].mode().iloc[0])
        others = known[known["iterations"] != usual].groupby("iterations")["system"]
        named = [f"{int(count)} for {', '.join(sorted(set(systems)))}" for count, systems in others]
        counts = [f"training iterations: {', '.join([str(usual), *named])}"]
    weights = done.groupby("weights")["system"].nunique()
    start = ", ".join(f"{kind} ({counted(count, 'systems')})" for kind, count in weights.items())
    facts = [f"split {_values(done['split'])}", *counts, f"initial weights: {start}"]
    return f"Accuracy: {'; '.join(facts)}. {_variance(done)}"


def _variance(done: pd.DataFrame) -> str:
    """The two sources of variance of an accuracy, and which of them the table shows."""
    several = done["seed"].nunique() > 1
    shown = "median ± standard deviation over n seeds" if several else "one seed (n = 1), so the variance of trainings"
    unknown = "" if several else " is unknown"
    return f"Seeds and images vary independently. Shown: {shown}{unknown}; ranking.md compares systems over the images."


def _definition(paper: PaperTable, group: Group) -> str:
    ours = _miou_paper(group)
    printed = DATASETS[paper.dataset].miou_paper if paper.is_printed else ours
    if printed == ours:
        return f"miou_paper is the {printed}, in percent."
    return f"miou_paper is the {printed} in the paper's column and the {ours} in ours, in percent."


def _miou_paper(group: Group) -> str:
    dataset = "deepglobe" if group.dataset == "synthetic" else group.dataset  # the synthetic images have its classes
    return DATASETS[dataset].miou_paper if dataset in DATASETS else f"mean IoU that {dataset} defines"


def _cost(group: Group) -> str:
    done = group.timed
    if done.empty:
        return "Cost: none was measured."
    region = _values(done["timed_region"].dropna())
    image = "noise" if (group.cost["input"] == "noise").all() else "one synthetic image"
    calls, processes = (_span(done[name].dropna()) for name in ("calls", "processes"))
    fps = (
        f"FPS is 1 / median latency of {region} on {image}, batch 1, random weights; brackets hold the 95 % interval "
        f"of the median over {calls} calls in {processes} processes of this machine, and say nothing about other ones."
    )
    if group.cost["device"].iloc[0] == "cpu":
        peak = f"the peak resident set over the idle process plus the weights ({CPU_PROBE})"
        return f"{fps} Memory is {peak}, not the paper's gpustat."
    return f"{fps} Memory is the peak by the probe named in the header; gpustat prints MiB as MB."


def _dataset(group: Group) -> str:
    if group.dataset in DATASETS:
        return DATASETS[group.dataset].title
    return {"synthetic": "synthetic images", "": "no dataset"}.get(group.dataset, group.dataset)


def _size(height_width: tuple[int, int]) -> str:
    return "{}x{}".format(*height_width)


def _span(column: pd.Series[Any]) -> str:
    """The range of whole numbers: "10 to 20"."""
    return " to ".join(dict.fromkeys((f"{column.min():.0f}", f"{column.max():.0f}"))) if len(column) else "no"


def _values(column: pd.Series[Any]) -> str:
    return " and ".join(map(str, sorted(set(column))))
