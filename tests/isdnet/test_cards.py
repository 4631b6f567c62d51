import subprocess
import sys

import pytest

from benchmark.card import Downsampled, WholeImage
from isdnet.variants import VARIANTS
from tests.isdnet.nets import CARD

ROWS = {
    "table1": {"isdnet"},
    "table2": {"isdnet"},
    "table3": {"isdnet"},
    "table4": {"pspnet-isd", "segformer-b0-isd"},
    "table5": {"d-quarter", "d-full", "s-quarter", "s-full", "d-s"},
    "table6": {"add", "add-cw", "concat", "concat-cw", "add-cw-ms", "add-cw-ms-md"},
    "table7": {"base", "sr", "sr-sd", "sr-sd-h"},
}


def test_every_row_of_isdnet_and_its_ablations_is_fed_once():
    fed = sorted(row for card in CARD.values() for row in card.rows)
    assert fed == sorted(f"{table}/{row}" for table, rows in ROWS.items() for row in rows)


def test_every_card_has_a_variant_of_its_name():
    assert list(CARD) == list(VARIANTS)


def test_cards_import_no_torch():
    code = "import sys, isdnet.cards; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("card", CARD.values(), ids=list(CARD))
def test_only_the_half_and_quarter_cards_see_a_reduced_image(card):
    reduced = {"quarter": Downsampled(0.25), "half": Downsampled(0.5)}
    assert card.inference == reduced.get(card.name.rpartition("-")[2], WholeImage())
    assert list(card.recipes) == ["paper", "released-code"]


def test_rows_differ_by_what_their_columns_say():
    fusion = {name: VARIANTS[name].fusion for name in VARIANTS}
    assert (fusion["isdnet-add-cw"].channel_wise, fusion["isdnet-add"].channel_wise) == (True, False)
    assert {name for name, one in fusion.items() if one.join == "concat"} == {"isdnet-concat", "isdnet-concat-cw"}
    assert (fusion["isdnet-ms"].m_s, fusion["isdnet-ms"].m_d) == (True, False)
    table7 = [VARIANTS[name] for name in ("isdnet-rgb", "isdnet-rgb-sr", "isdnet-rgb-sr-sd", "isdnet")]
    columns = [(one.super_resolution, one.distillation, one.high_frequency) for one in table7]
    assert columns == [(False, False, False), (True, False, False), (True, True, False), (True, True, True)]


def test_a_form_without_a_released_configuration_names_none_as_its_source():
    with_configuration = {name for name, card in CARD.items() if ", configs/" in card.source}
    assert with_configuration == {"isdnet", "isdnet-r50"}
    assert "configs/isdnet/" not in CARD["isdnet-r50"].source
