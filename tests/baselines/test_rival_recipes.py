"""The paper recipes of the UHR rivals, against what their authors' code and papers state."""

import pytest

from benchmark import registry
from benchmark.training.schedule import learning_rate

GLNET = {"optimizer": "adam", "weight_decay": 5e-4, "batch": 6}  # FCtL's too: it is built on GLNet
CASCADE = {"optimizer": "adam", "weight_decay": 1e-4}
LATE = 5e-5 * 0.5**0.9  # epoch 50 of 100 with poly decay, where FCtL's stages for Inria begin
POLY = {0.0: 1.0, 0.25: 0.75**0.9, 0.5: 0.5**0.9, 0.75: 0.25**0.9}  # share of a stage -> share of its learning rate
TENFOLD = {0.0: 1.0, 22_499 / 45_000: 1.0, 0.5: 0.1, 37_499 / 45_000: 0.1, 37_500 / 45_000: 0.01}
STAGES = {  # iterations and learning rate: epochs of 454 images of DeepGlobe or 126 of Inria in steps of 6
    "glnet": {"global": (9080, 5e-5), "local": (3783, 2e-5), "local-to-global": (9080, 5e-5)},
    "fctl": dict.fromkeys(("global", "local", "medium", "all"), (3783, 5e-5)),
    "fctl-inria": dict.fromkeys(("local", "thrice", "twice", "all"), (1050, LATE)),
    "cascadepsp": {"refinement": (45_000, 2.25e-4)},  # after the base's
}


@pytest.mark.parametrize("dataset", ["deepglobe", "inria", "cityscapes"])
@pytest.mark.parametrize("name", STAGES)
def test_the_paper_recipe_is_that_of_the_authors(name, dataset):
    recipe = registry.card(name).recipes["paper"].on(dataset)
    settings, decay = (CASCADE, TENFOLD) if name == "cascadepsp" else (GLNET, POLY)
    assert list(recipe.stages)[-len(STAGES[name]) :] == list(STAGES[name])
    assert recipe.iterations == sum(recipe.during(stage).iterations for stage in recipe.stages)
    for stage, (iterations, rate) in STAGES[name].items():
        trained = recipe.during(stage)
        assert (trained.iterations, trained.learning_rate) == (iterations, pytest.approx(rate))
        assert {setting: getattr(trained, setting) for setting in settings} == settings
        for share, left in decay.items():
            assert learning_rate(trained, round(share * 45_000), 45_000) == pytest.approx(rate * left)
