import pytest

from benchmark.errors import UnknownNameError
from results.paper import COLUMNS, DATASETS, TABLE_NAMES, paper_table

ROWS = {"table1": 16, "table2": 7, "table3": 13, "table4": 8, "table5": 5, "table6": 6, "table7": 4}

# Typed by hand from the PDF: table, row, column, text.
SPOTS = [
    ("table1", "unet-local", "miou_paper", "46.53"),
    ("table1", "unet-local", "fps", "1.26"),
    ("table1", "fcn8s-local", "memory_gpustat_mb", "970"),
    ("table1", "unet-global", "memory_gpustat_mb", "7627"),
    ("table1", "deeplabv3plus-global", "fps", "4.44"),
    ("table1", "magnet-fast", "miou_paper", "71.85"),
    ("table1", "fctl", "fps", "0.13"),
    ("table1", "isdnet", "miou_paper", "73.30"),
    ("table1", "isdnet", "fps", "27.70"),
    ("table1", "isdnet", "memory_gpustat_mb", "1948"),
    ("table2", "stdc", "memory_gpustat_mb", "7410"),
    ("table2", "cascadepsp", "fps", "0.03"),
    ("table2", "isdnet", "miou_paper", "74.23"),
    ("table3", "stdc", "miou_paper", "74.5"),
    ("table3", "icnet", "fps", "68.55"),
    ("table3", "segfix", "miou_paper", "65.83"),
    ("table3", "isdnet", "memory_gpustat_mb", "1510"),
    ("table4", "pspnet-quarter", "fps", "169.91"),
    ("table4", "segformer-b0-quarter", "miou_paper", "51.19"),
    ("table4", "segformer-b0-isd", "memory_gpustat_mb", "1500"),
    ("table5", "d-full", "fps", "5.40"),
    ("table5", "s-quarter", "fps", "200.64"),
    ("table5", "d-s", "miou_paper", "71.69"),
    ("table6", "concat", "fps", "23.98"),
    ("table6", "add-cw-ms", "miou_paper", "72.63"),
    ("table6", "concat-cw", "memory_gpustat_mb", "2204"),
    ("table7", "base", "miou_paper", "72.31"),
    ("table7", "sr-sd", "miou_paper", "72.70"),
    ("table7", "sr-sd-h", "miou_paper", "73.30"),
]


@pytest.mark.parametrize(("name", "row", "column", "text"), SPOTS)
def test_figures_are_those_printed_with_their_decimals(name, row, column, text):
    printed = {line.row: line for line in paper_table(name).rows}[row].values[column]
    assert printed.text == text
    assert printed.value == float(text)


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_each_table_has_its_rows_under_distinct_slugs(name):
    table = paper_table(name)
    slugs = [row.row for row in table.rows]
    assert len(slugs) == len(set(slugs)) == ROWS[name]
    assert table.number == int(name[-1])
    assert table.dataset in DATASETS
    assert set(table.columns) <= set(COLUMNS)


def test_table1_keeps_the_order_and_groups_of_the_paper():
    groups = [row.group for row in paper_table("table1").rows]
    assert groups == ["Local Inference"] * 3 + ["Global Inference"] * 5 + ["UHR Methods"] * 8
    assert [row.method for row in paper_table("table1").rows][-3:] == ["MagNet-Fast", "FCtL", "ISDNet"]


def test_what_the_paper_leaves_blank_is_absent():
    rows = {row.row: row for row in paper_table("table6").rows}
    blank = [slug for slug, row in rows.items() if "memory_gpustat_mb" not in row.values]
    assert blank == ["add", "concat", "add-cw-ms"]
    assert paper_table("table5").columns == ("miou_paper", "fps")
    assert paper_table("table7").columns == ("miou_paper",)


def test_marks_say_what_an_ablation_switches_on():
    rows = {row.row: row.marks for row in paper_table("table6").rows}
    assert rows["add-cw-ms"] == {"fusion": "add", "channel_wise": "yes", "m_s": "yes", "m_d": "no"}
    assert paper_table("table4").rows[1].marks == {"scale": "1/2"}


def test_the_last_printed_place_bounds_the_figure():
    stdc = {row.row: row for row in paper_table("table3").rows}["stdc"].values
    assert stdc["miou_paper"].half_unit == pytest.approx(0.05)
    assert stdc["fps"].half_unit == pytest.approx(0.005)
    assert stdc["memory_gpustat_mb"].half_unit == pytest.approx(0.5)


def test_official_lists_add_up_to_the_datasets():
    assert sum(DATASETS["deepglobe"].splits.values()) == 803
    assert sum(DATASETS["inria"].splits.values()) == 180
    assert sum(DATASETS["cityscapes"].splits.values()) == 5000


def test_an_unknown_table_is_named_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'table7'"):
        paper_table("tabel7")
