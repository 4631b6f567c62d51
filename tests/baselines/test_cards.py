"""What the cards of the generic rivals promise, against the paper and the library's own configurations."""

from dataclasses import fields, replace

import pytest
from mmengine.config import Config

from baselines.common.mmseg_adapter import library_config
from benchmark import registry
from benchmark.card import Card, Downsampled, Recipe, SlidingWindow, WholeImage
from benchmark.inference import window_starts
from results.cell import identity

NAMES = (
    *("unet-local", "unet-global", "unet-s5-local", "unet-s5-global", "fcn8s-local", "fcn8s-global"),
    *("deeplabv3plus-local", "deeplabv3plus-global", "deeplabv3plus-r50d8-local", "deeplabv3plus-r50d8-global"),
    *("stdc", "bisenetv1", "bisenetv2", "deeplabv3", "icnet", "pspnet", "pspnet-half", "pspnet-quarter"),
    *("segformer-b0", "segformer-b0-half", "segformer-b0-quarter"),
)
CARDS = {name: registry.card(name) for name in NAMES}
GENERIC_ROWS = {
    *("table1/unet-local", "table1/fcn8s-local", "table1/deeplabv3plus-local"),
    *("table1/unet-global", "table1/fcn8s-global", "table1/deeplabv3plus-global", "table1/bisenetv1", "table1/stdc"),
    *("table2/deeplabv3plus", "table2/fcn8s", "table2/stdc"),
    *(f"table3/{name}" for name in ("bisenetv1", "bisenetv2", "pspnet", "icnet", "stdc", "deeplabv3")),
    *(f"table4/{net}{scale}" for net in ("pspnet", "segformer-b0") for scale in ("", "-half", "-quarter")),
}


def test_every_generic_row_of_tables_1_to_4_is_fed():
    assert {row for card in CARDS.values() for row in card.rows} == GENERIC_ROWS


def test_the_first_system_of_a_row_is_no_variant():
    first = {}
    for card in registry.cards().values():
        for row in card.rows:
            first.setdefault(row, card)
    assert [row for row in GENERIC_ROWS if first[row].variant] == []


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_inference_fits_the_rows(card):
    kind = {"-local": SlidingWindow, "-global": Downsampled, "-half": Downsampled, "-quarter": Downsampled}
    wanted = next((inference for ending, inference in kind.items() if card.name.endswith(ending)), WholeImage)
    assert isinstance(card.inference, wanted)


@pytest.mark.parametrize("ratio", [1.0, 0.25])
def test_local_inference_takes_36_patches_at_any_ratio(ratio):
    grid = CARDS["unet-local"].at(ratio).inference
    assert len(window_starts(round(2448 * ratio), grid.patch, grid.overlap)) == 6


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_the_paper_recipe_is_section_4_2(card):
    recipe = card.recipes["paper"]
    assert (recipe.batch, recipe.momentum, recipe.on("deepglobe").iterations) == (8, 0.9, 80_000)
    assert recipe.on("inria").iterations == 40_000
    assert recipe.on("cityscapes").iterations == 160_000
    if card.name.startswith("segformer"):  # section 4.5: mmsegmentation's setting
        assert (recipe.optimizer, recipe.learning_rate) == ("adamw", 6e-5)
    else:
        assert (recipe.optimizer, recipe.learning_rate, recipe.poly_power) == ("sgd", 1e-3, 0.9)


def test_a_net_trains_on_the_scale_it_infers_at():
    for card in CARDS.values():
        scale = card.inference.scale if isinstance(card.inference, Downsampled) else 1.0
        assert card.recipes["paper"].resize == (scale, scale)
        low, high = card.recipes["paper"].on("cityscapes").resize
        assert low <= scale <= high


def test_table_4_trains_on_the_random_scales_of_section_4_5():
    for net in ("pspnet", "segformer-b0"):
        assert CARDS[f"{net}-half"].recipes["paper"].on("cityscapes").resize == (0.5, 1.0)
        assert CARDS[f"{net}-quarter"].recipes["paper"].on("cityscapes").resize == (0.125, 0.5)


def configuration(recipe):
    """The library's own file behind a recipe, with its batch over all GPUs read from its name: 4xb12 is 48."""
    file = recipe.source.partition(", ")[2]
    library_config(file)  # lets mmseg be imported
    import mmseg

    gpus, images = next(part for part in file.split("_") if "xb" in part).split("-")[0].split("xb")
    config = Config.fromfile(f"{mmseg.__path__[0]}/.mim/configs/{file}")
    return config, int(gpus) * int(images)


@pytest.mark.parametrize("name", [name for name, card in CARDS.items() if "library" in card.recipes])
def test_the_library_recipe_is_the_configurations(name):
    recipe = CARDS[name].recipes["library"]
    config, batch = configuration(recipe)
    optimizer = config.optim_wrapper.optimizer
    assert recipe.optimizer == optimizer.type.lower()
    assert (recipe.learning_rate, recipe.weight_decay) == (optimizer.lr, optimizer.weight_decay)
    warmups = [step for step in config.param_scheduler if step.type == "LinearLR"]
    poly = next(step for step in config.param_scheduler if step.type == "PolyLR")
    assert (recipe.min_learning_rate, recipe.poly_power) == (poly.eta_min, poly.power)
    assert recipe.iterations == poly.end == config.train_cfg.max_iters
    assert recipe.warmup_iterations == (warmups[0].end if warmups else 0)
    assert not warmups or recipe.warmup_ratio == warmups[0].start_factor
    assert recipe.crop == config.crop_size
    assert recipe.batch == batch


def test_a_mended_word_leaves_a_systems_cells_as_they_are_and_a_mended_setting_does_not():
    card = registry.card("unet-local")
    worded = replace(card, title="U-Net", assumptions=("another",), remark="see there", rows=())
    assert identity(worded) == identity(card)
    for changes in (
        {"inference": SlidingWindow(9, 1)},
        {"sizes": {"patch": 9}},
        {"size_multiple": 3},
        {"variant": "other"},
    ):
        assert identity(replace(card, **changes)) != identity(card)


WORDS_OF_A_CARD = {
    *("title", "group", "citation", "source", "licence", "fidelity", "backbone", "auxiliary", "rows", "extra"),
    *("remark", "assumptions", "recipes", "configured_for"),
}


def test_every_field_of_a_card_and_a_recipe_is_either_in_the_key_or_words():
    for kind, words in ((Card, WORDS_OF_A_CARD), (Recipe, {"source"})):
        assert {one.name for one in fields(kind)} == {*kind.KEY_FIELDS, *words}


def test_a_recipes_settings_are_in_its_key_and_its_source_is_not():
    recipe = Recipe(source="the text", crop=(512, 512), iterations=100)
    assert identity(recipe)["Recipe"] == {"crop": [512, 512], "iterations": 100}
    assert identity(replace(recipe, source="another", batch=8)) == identity(recipe)
    staged = recipe.then("second", iterations=50, learning_rate=1e-3)
    assert identity(staged)["Recipe"]["stages"]["second"] == {"iterations": 50, "learning_rate": 1e-3}


def test_imagenet_files_are_in_the_key_and_where_they_come_from_is_not():
    card = registry.card("unet-local")
    moved = tuple(replace(file, urls=("https://mirror.example/file",)) for file in card.imagenet)
    assert identity(replace(card, imagenet=moved)) == identity(card)
    assert identity(replace(card, imagenet=())) != identity(card)


@pytest.mark.parametrize(
    ("name", "datasets"),
    [
        ("isdnet", ("deepglobe", "inria")),
        ("glnet", ("deepglobe",)),
        ("fctl", ("deepglobe",)),
        ("fctl-inria", ("inria",)),
        ("magnet", ("deepglobe",)),
        ("magnet-fast-cityscapes", ("cityscapes",)),
        ("segfix", ("cityscapes",)),
        ("dgf", ()),
        ("densecrf", ()),
        ("cascadepsp", ()),
    ],
)
def test_a_verified_port_says_for_which_datasets_its_authors_released_a_configuration(name, datasets):
    card = registry.card(name)
    assert (card.fidelity, card.configured_for) == ("verified-port", datasets)


def test_what_is_no_port_names_no_released_configuration():
    assert not [card.name for card in registry.cards().values() if card.configured_for and "port" not in card.fidelity]
    assert registry.card("pointrend-dense").fidelity == "reimplemented"
