"""The audit as a page of GitHub-flavoured Markdown: claims, printed speeds, methods that several tables print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from reports.paper_check.claims import Finding
from reports.paper_check.plausibility import PEAK_TFLOPS, Speed
from reports.paper_check.throughput import AGREE, OTHER_NETS, Throughput, describe
from reports.tables.table import significant
from reports.writers.markdown import escape
from reports.writers.pages import pipe_table
from results.paper.claims import Claim


def audit_page(findings: Sequence[Finding], speeds: Sequence[Speed], nets: Sequence[Throughput]) -> str:
    """All claims, all printed speeds, and the methods that several tables print."""
    parts = ["# Audit of the paper's claims", _HOW_TO_READ, _claims(findings), _speeds(speeds), _nets(nets)]
    return "\n\n".join(parts) + "\n"


_HOW_TO_READ = (
    "Three checks of the paper: its claims against its own tables and our records, its speeds against the GPU's peak, "
    "and its speeds against each other. Read the verdict columns first."
)
_CLAIMS = (
    "A line has all that is needed to check it by hand: the claim, the rule, the numbers and where they are printed. A "
    "printed value may be off by half its last digit; brackets hold the bounds that this leaves. Words without a "
    "bound, such as low or limited, get none from us: their numbers are shown. The last column says whether our "
    "records confirm the claim."
)
_SPEEDS = (
    "FLOPs of one image times the printed FPS, compared with the float32 peak of an RTX 2080 Ti, Founders Edition, at "
    f"its specified boost clock, {PEAK_TFLOPS:.1f} TFLOP/s; the reference card has 13.4. FLOPs are counted on our "
    "systems (convolutions, matrix products, attention; a multiply-accumulate is 2). 1.0x is the image size that the "
    "paper states; 0.8x reduces both sides as the official speed script does by default. Where the work depends on the "
    "image, the count is an estimate with random weights; trained weights may cause more work. Where a row does not "
    "name its network precisely, each reading has a line. A small excess is a hint, not a proof: a card may boost past "
    "its specification, and libraries may compute 3x3 convolutions with fewer multiplications (Winograd). A throughput "
    "just below the peak is a hint as well, because real networks seldom reach it."
)
_ASSUMED = (
    "UNet, FCN-8s and DeepLabv3+ with global inference are counted at half the sides, which we chose because whole "
    "images would exceed the peak (FCN-8s: 41 TFLOP/s); that they are possible says nothing. FCN-8s with local "
    "inference is counted on GLNet's 36 overlapping patches; on MagNet's 16 tiles it would need 16 TFLOP/s, and be "
    "possible only at 0.8x. A quoted speed is another paper's, from another card."
)
_NETS = (
    "A network on one card handles about the same number of pixels per second on every dataset. Throughput is FPS "
    f"times pixels, in 1e6 pixels/s; speeds agree if greatest / least is at most {AGREE:.2f}, rounding considered; "
    f"that factor is our choice. Left out are {', '.join(OTHER_NETS)}: other nets, or other work on each dataset."
)


def _counts(verdicts: Iterable[str]) -> str:
    return ", ".join(f"{count} × {verdict}" for verdict, count in Counter(verdicts).most_common())


def _claims(findings: Sequence[Finding]) -> str:
    lines = []
    for number, finding in enumerate(findings, start=1):
        ours = " – ".join(filter(None, [finding.records_verdict, finding.records_recomputed, finding.records_why]))
        numbers = " – ".join(filter(None, [finding.recomputed, finding.why]))
        words = (_words(finding.claim), finding.rule, numbers, finding.verdict, finding.source, ours)
        lines.append((str(number), *words))
    heads = ("#", "Claim", "Rule", "Numbers", "Verdict by the paper", "Source", "By our records")
    tally = f"{len(findings)} claims: {_counts(finding.verdict for finding in findings)}."
    ours = f"By our records: {_counts(finding.records_verdict for finding in findings)}."
    return "\n\n".join(["## Claims", _CLAIMS, escape(f"{tally} {ours}"), pipe_table(lines, heads, 7)])


def _words(claim: Claim) -> str:
    """Where the claim stands, its words, where they are said again, and how they were read."""
    again = f" Also {claim.also}." if claim.also else ""
    read = f" Read as: {claim.reading}." if claim.reading else ""
    return f"{claim.where}: “{claim.quote}”.{again}{read}"


def _speeds(speeds: Sequence[Speed]) -> str:
    lines = [
        (
            speed.table.replace("table", "Table "),
            speed.method,
            speed.system,
            speed.verdict,
            speed.note,
            speed.fps.text,
            _number(speed.gflops),
            _number(speed.tflops_per_second),
            _number(speed.gflops_reduced),
            _number(speed.tflops_per_second_reduced),
        )
        for speed in speeds
    ]
    heads = ("Table", "Row", "Our system", "Verdict", "Note", "FPS", "GFLOPs 1.0x", "TFLOP/s 1.0x", "GFLOPs 0.8x")
    main = [speed for speed in speeds if not speed.alternative]
    tally = f"{len(main)} printed speeds, by the main reading of each row: {_counts(speed.verdict for speed in main)}."
    return "\n\n".join(
        [
            "## Speeds against the card's peak",
            escape(_SPEEDS),
            escape(_ASSUMED),
            escape(tally),
            pipe_table(lines, (*heads, "TFLOP/s 0.8x"), 5),
        ]
    )


def _nets(nets: Sequence[Throughput]) -> str:
    lines = [
        (
            net.method,
            net.verdict,
            ", ".join(f"{name.replace('table', 'Table ')}: {value:.1f}" for name, value in net.full_size.items()),
            f"{net.ratio_full_size:.2f}",
            describe(net.scales),
            f"{net.ratio_at_scales:.2f}",
        )
        for net in nets
    ]
    heads = (
        "Method",
        "Verdict",
        "Megapixels/s at full size",
        "Greatest / least",
        "Nearest at",
        "Greatest / least there",
    )
    return "\n\n".join(["## One network on several datasets", escape(_NETS), pipe_table(lines, heads, 3)])


def _number(value: float | None) -> str:
    return "–" if value is None else significant(value)
