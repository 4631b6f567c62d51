"""The audit as a page of GitHub-flavoured Markdown: claims, printed speeds, nets that several tables print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from reports.paper_check.claims import Finding
from reports.paper_check.plausibility import PEAK_TFLOPS, Speed
from reports.paper_check.throughput import AGREE, Throughput, describe
from reports.tables.table import significant
from reports.writers.markdown import escape
from reports.writers.pages import figures_table
from results.paper.claims import Claim


def audit_page(findings: Sequence[Finding], speeds: Sequence[Speed], nets: Sequence[Throughput]) -> str:
    """All claims, all printed speeds, and the nets that several tables print."""
    parts = ["# Audit of the paper's claims", _claims(findings), _speeds(speeds), _nets(nets)]
    return "\n\n".join(parts) + "\n"


_CLAIMS = (
    "Each claim is recomputed from the figures that the paper prints; in brackets, the bounds that their rounding "
    "leaves. Beside it stands what our own records say of it."
)
_SPEEDS = (
    "FLOPs of one image, counted on our systems (convolutions, matrix products, attention; a multiply-accumulate is "
    f"2), times the printed FPS, against {PEAK_TFLOPS:.1f} TFLOP/s, the float32 peak of an RTX 2080 Ti at the boost "
    "clock it is specified for. At 1.0x the image has the size that the paper states; at 0.8x its sides are reduced as "
    "the official speed script does by default. A method whose work depends on what it sees is estimated, with the "
    "work that random weights gave it; trained ones may give it more. Where a row names no network precisely, each "
    "reading of it has a line. "
    "A board may boost past its specification, and libraries may compute 3x3 convolutions with fewer multiplications "
    "(Winograd): a small excess is a hint, not a proof; so is a throughput just below the peak, which real networks "
    "seldom reach."
)
_NETS = (
    "One net on one card handles about as many pixels a second on each dataset. Throughput is FPS times pixels, in "
    f"millions a second; speeds agree if the greatest is at most {AGREE:.2f} times the least, rounding allowed for."
)


def _counts(verdicts: Iterable[str]) -> str:
    return ", ".join(f"{count} × {verdict}" for verdict, count in Counter(verdicts).most_common())


def _claims(findings: Sequence[Finding]) -> str:
    lines = []
    for number, finding in enumerate(findings, start=1):
        claim = finding.claim
        ours = " – ".join(filter(None, [finding.records_verdict, finding.records_recomputed, finding.records_why]))
        recomputed = "; ".join(filter(None, [finding.recomputed, finding.why]))
        lines.append((str(number), _words(claim), _rests_on(claim), finding.verdict, recomputed, ours))
    heads = ("#", "Claim", "Rests on", "By the paper's figures", "Recomputed", "By our records")
    tally = f"{len(findings)} claims: {_counts(finding.verdict for finding in findings)}."
    ours = f"By our records: {_counts(finding.records_verdict for finding in findings)}."
    return "\n\n".join(["## Claims", _CLAIMS, escape(f"{tally} {ours}"), figures_table(lines, heads, 6)])


def _words(claim: Claim) -> str:
    """Where, what, how it was read, and where numbers come from that are not the paper's."""
    read = f" Read as: {claim.reading}." if claim.reading else ""
    source = f" Numbers from: {claim.source}." if claim.source else ""
    return f"{claim.where}: “{claim.quote}”.{read}{source}"


def _rests_on(claim: Claim) -> str:
    """The figures of a claim by name; of a list, how many there are and where."""
    numbers = [f"{name} = {number.text}" for name, number in claim.numbers.items()]
    single = [f"{name} = {cell.printed.text} ({cell})" for name, cell in claim.figures.items()]
    lists = [
        f"{name} = {len(cells)} figures ({cells[0].table}, {cells[0].column})" for name, cells in claim.lists.items()
    ]
    return ", ".join([*numbers, *single, *lists])


def _speeds(speeds: Sequence[Speed]) -> str:
    lines = [
        (
            speed.table.replace("table", "Table "),
            speed.method,
            speed.system,
            speed.verdict,
            speed.note,
            speed.fps.text,
            _figure(speed.gflops),
            _figure(speed.tflops_per_second),
            _figure(speed.gflops_reduced),
            _figure(speed.tflops_per_second_reduced),
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
            escape(tally),
            figures_table(lines, (*heads, "TFLOP/s 0.8x"), 5),
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
    return "\n\n".join(["## One net on several datasets", escape(_NETS), figures_table(lines, heads, 3)])


def _figure(value: float | None) -> str:
    return "–" if value is None else significant(value)
