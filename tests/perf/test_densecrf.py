"""DenseCRF's own engine beside the authors' C++ code, where that is installed: `nox -s crf` times the two."""

import pytest
import torch

from benchmark import registry
from benchmark.data.synthetic import World, scene
from benchmark.prediction import to_batch

CLASSES, SIZE, ITERATIONS = 19, (256, 512), 10
MOST = 2.0  # times as long as the C++ code; at 1024x2048 with ten iterations 1.24 were measured


def test_densecrf(ratio, benchmark):
    pytest.importorskip("pydensecrf.densecrf")
    image = to_batch(scene(World(), 0, SIZE).image, "cpu")[0]
    scores = torch.randn(CLASSES, *SIZE, generator=torch.Generator().manual_seed(0)).flatten(1).T
    base = registry.build(registry.card("stdc"), CLASSES)
    cards = [registry.card(name) for name in ("densecrf", "densecrf-cpp")]
    engines = [registry.spec(card.name).build(card, CLASSES, base) for card in cards]
    for engine in engines:
        engine.iterations = ITERATIONS
    ours, theirs = [lambda engine=engine: engine.inferred(image, scores.log_softmax(1)) for engine in engines]
    with torch.inference_mode():
        torch.testing.assert_close(ours().softmax(1), theirs().softmax(1), atol=1e-3, rtol=0)
        ratio(ours, theirs)
    if not benchmark.disabled:
        assert benchmark.extra_info["high"] < MOST
