import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from isdnet.cards import SYSTEMS
from isdnet.model import ISDNet, decimated
from isdnet.single_branch import DeepAlone
from tests.isdnet.nets import CARD, image, net, numbered, target, without_dropout

NAMES = [spec.card.name for spec in SYSTEMS]
KINDS = ("isdnet", "isdnet-paper", "isdnet-pspnet", "isdnet-segformer", "isdnet-deep-full", "isdnet-shallow-full")
# of the sheet measured on the official net; its inference counts hold the deep 1x1 classifier, which nothing reads
OFFICIAL_PARAMETERS = {  # system, classes: training, inference, deep classifier
    ("isdnet", 7): (17_780_554, 17_225_010, 128 * 7 + 7),
    ("isdnet", 2): (17_778_609, 17_224_040, 128 * 2 + 2),
    ("isdnet", 19): (17_785_222, 17_227_338, 128 * 19 + 19),
    ("isdnet-pspnet", 19): (16_588_934, 16_031_050, 128 * 19 + 19),
    ("isdnet-segformer", 19): (7_253_043, 6_843_978, 128 * 19 + 19),
    ("isdnet-r50", 7): (71_966_090, 69_196_978, 512 * 7 + 7),
}
OFFICIAL_FLOPS = 475_913_975_040  # 1x3x2448x2448, seven classes
OFFICIAL_PYRAMID_FLOPS = 2_247_264_000
DEEP_CLASSIFIER_FLOPS = 2 * 128 * 7 * 77 * 77


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(("name", "classes"), OFFICIAL_PARAMETERS)
def test_both_forms_have_the_official_number_of_parameters(name, classes):
    training, inference, classifier = OFFICIAL_PARAMETERS[name, classes]
    system = net(name, classes)
    assert parameters(system) == training
    assert parameters(system.inference_form()) + classifier == inference


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_card_states_the_inference_form(name):
    assert parameters(net(name).inference_form()) == CARD[name].parameters


def flops(module, *size: int) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.empty(1, 3, *size, device="meta"))
    return counter.get_total_flops()


def test_flops_at_2448_are_the_official_ones():
    """All learned layers cost the same to the last operation; the pyramid, without zeros to multiply, a quarter."""
    system = net("isdnet").inference_form().eval().to("meta")
    pyramid = flops(system.pyramid, 2448, 2448)
    learned = flops(system, 2448, 2448) - pyramid
    assert learned + DEEP_CLASSIFIER_FLOPS == OFFICIAL_FLOPS - OFFICIAL_PYRAMID_FLOPS
    assert pyramid <= 0.26 * OFFICIAL_PYRAMID_FLOPS


@pytest.mark.parametrize(
    ("name", "side", "giga"), [("isdnet-deep-full", 2448, 2739.6), ("isdnet-deep-quarter", 612, 173.3)]
)
def test_flops_of_the_deep_branch_alone(name, side, giga):
    system = net(name).inference_form().eval().to("meta")
    assert flops(system, side, side) / 1e9 == pytest.approx(giga, abs=0.05)


def test_training_only_modules_are_absent_from_the_inference_form():
    system = net("isdnet")
    lean = system.inference_form()
    assert not [key for key in lean.state_dict() if "auxiliary" in key or "super_resolution" in key]
    assert lean.training_heads is None
    assert isinstance(system, ISDNet)
    assert system.training_heads is not None
    assert lean.classifier is system.classifier
    with pytest.raises(RuntimeError, match="inference form"):
        lean.loss(image(64, 64), target(64, 64))
    alone = net("isdnet-deep-full").inference_form()
    assert isinstance(alone, DeepAlone)
    assert alone.auxiliary is None


def test_the_inference_form_predicts_what_the_training_form_predicts():
    system = numbered("isdnet").eval()
    with torch.inference_mode():
        assert torch.equal(system(image(97, 64)), system.inference_form()(image(97, 64)))


def test_the_deep_branch_sees_every_fourth_pixel():
    picture = image(64, 96)
    assert torch.equal(decimated(picture), picture[..., ::4, ::4])
    assert decimated(image(131, 99)).shape == (1, 3, 32, 24)


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_every_kind_trains_one_step_at_an_odd_size_with_batch_1(name):
    _train_one_step(numbered(name), (131, 99))


@pytest.mark.slow
def test_isdnet_trains_one_step_at_1023x771_with_batch_1():
    _train_one_step(numbered("isdnet"), (1023, 771))


def _train_one_step(system, size):
    optimiser = torch.optim.SGD(system.parameters(), lr=1e-6)
    before = {name: p.detach().clone() for name, p in system.named_parameters()}
    terms = without_dropout(system).train().loss(image(*size), target(*size))
    assert all(value.shape == () and value.isfinite() for value in terms.values()), terms
    sum(terms.values()).backward()
    still = [name for name, p in system.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []
    optimiser.step()
    assert all(p.isfinite().all() for p in system.parameters())
    assert any(not torch.equal(before[name], p) for name, p in system.named_parameters())
    with torch.inference_mode():
        labels = system.eval().inference_form().predict(image(*size))
    assert (labels.shape, labels.dtype) == ((1, *size), torch.uint8)


@pytest.mark.parametrize("size", [(32, 32), (97, 64)])
def test_predict_is_the_argmax_of_the_enlarged_logits(size):
    system = numbered("isdnet").eval()
    with torch.inference_mode():
        full = torch.nn.functional.interpolate(system(image(*size)), size, mode="bilinear")
        assert torch.equal(system.predict(image(*size)), full.argmax(1).to(torch.uint8))
