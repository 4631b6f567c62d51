"""A small table by hand, with everything that a writer must render, and hostile names."""

from reports.tables.table import Cell, Column, Row, Table


def _paper(text):
    return Cell(text, status="printed", value=float(text), paper=float(text))


def _ours(text, value, spread="", **more):
    return Cell(text, spread, "ok", value, n=1, records=("0123456789ab",), protocol="ba9876543210", **more)


EXAMPLE = Table(
    name="table1",
    title="Table 1 of the paper: an example",
    caption=(
        "Ours: images of 612x612, 50 % of them; miou_paper is {invented} & FPS < 10^3.",
        "Ours are UNTRAINED: a_b <c>.",
    ),
    columns=(
        Column("miou_paper_printed", "miou_paper ↑ (%)", "paper"),
        Column("miou_paper_ours", "miou_paper ↑ (%)", "ours"),
        Column("miou_paper_difference", "miou_paper ↑ (%)", "ours - paper"),
        Column("fps_printed", "FPS ↑ (1/s)", "paper"),
        Column("fps_ours", "FPS ↑ (1/s)", "ours"),
        Column("fps_ratio", "FPS ↑ (1/s)", "ours / paper"),
    ),
    rows=(
        Row(
            "unet-local", "Local Inference", "UNet", "unet-local", "library",
            (
                _paper("46.53"),
                _ours("41.50", 41.5, "± 0.56 (n = 3)", low=40.94, high=42.06, mark="best"),
                Cell("-5.03", status="ok", value=-5.03, paper=46.53),
                _paper("1.26"),
                _ours("0.853", 0.853, "[0.830, 0.871]", low=0.83, high=0.871, mark="second"),
                Cell("0.68", status="ok", value=0.677, paper=1.26),
            ),
            source="a library, configs/unet_s5.py <2>",
            assumptions=("width: <not printed>", "crops of one_half"),
            remarked=True,
        ),
        Row(
            "unet-local", "Local Inference", "UNet | S5", "unet-s5_local", "verified-port",
            (Cell(status="not printed"), _ours("50.00", 50.0, "(n = 1)"), Cell("+3.47", status="ok", value=3.47),
             Cell(status="not printed"), Cell("oom", status="oom"), Cell()),
            alternative=True,
        ),
        Row(
            "ppn", "UHR Methods", "PPN", "", "",
            (_paper("71.90"), Cell("not yet", status="not yet"), Cell(),
             Cell("–", status="not printed"), Cell("not yet", status="not yet"), Cell()),
        ),
        Row(
            "", "Added", "<script>alert(1)</script>", "a & b_c%", "=1+1",
            (Cell(status="not printed"), Cell("failed", status="failed"), Cell(),
             Cell(status="not printed"), _ours("200", 200.0), Cell()),
        ),
        Row(
            "", "Added", "[red]*bold*[/red] `x` \\input{/etc/passwd} $a$ #1 ~^", "=cmd|' /C calc'!A0", "",
            (Cell(status="not printed"), _ours("1.00", 1.0), Cell(),
             Cell(status="not printed"), Cell("not run", status="not run"), Cell()),
        ),
    ),
    setup=("FPS is 1 / latency of <b>predict</b>.",),
    notes=("a & b_c%: failed: <b>non-finite</b> loss, see \\log_{1}",),
)  # fmt: skip
