"""Systems named by their library's name alone."""

import pytest
import torch

from benchmark import registry
from benchmark.errors import UnknownNameError, UserError
from benchmark.run.plan import plan
from results.paper import paper_table
from tests.benchmark.run.test_plan import options
from tests.systems.architectures import image, logits_of

CONFIG = """
model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNetV1c", depth=18, num_stages=4, out_indices=(0, 1, 2, 3), norm_cfg=dict(type="SyncBN")),
    decode_head=dict(type="FCNHead", in_channels=512, channels=16, num_convs=1, num_classes=19,
                     loss_decode=dict(type="CrossEntropyLoss")),
)
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(CONFIG)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *("smp:Unet/resnet18", "smp:FPN/mobilenet_v2", "smp:DeepLabV3Plus/resnet18", "mmseg:MINE"),
        "mmseg:cgnet/cgnet_fcn_4xb4-60k_cityscapes-680x680.py",  # its loss has weights for 19 classes
    ],
)
def test_a_net_of_a_library_predicts_and_trains(name, config):
    card = registry.card(name.replace("MINE", str(config)))
    system = registry.build(card, 5)
    logits = logits_of(system.eval(), image(70, 61))
    assert logits.shape[:2] == (1, 5)
    losses = system.train().loss(image(64, 64).repeat(2, 1, 1, 1), torch.zeros(2, 64, 64, dtype=torch.int64))
    assert all(loss.isfinite() for loss in losses.values())


def test_another_configuration_is_another_system(config):
    before = registry.card(f"mmseg:{config}")
    config.write_text(CONFIG.replace("channels=16", "channels=8"))
    registry._of_family.cache_clear()
    assert registry.card(f"mmseg:{config}").variant != before.variant


def test_such_a_system_is_planned_like_any_other():
    jobs = plan(paper_table("comparison-deepglobe"), options(systems=("smp:Unet/resnet18",), kinds=("accuracy",)))
    assert [job.cell.system for job in jobs] == ["smp:Unet/resnet18"]
    assert jobs[0].weights.parent.name == "weights"
    assert jobs[0].weights.name.startswith("smp_Unet_resnet18-")


def test_a_refiner_takes_it_as_its_base():
    assert registry.card("densecrf(base=smp:Unet/resnet18)").base == "smp:Unet/resnet18"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("smp:Unet", "smp:ARCHITECTURE/ENCODER"),
        ("mmseg:", "name a configuration file"),
        ("tv:fcn", "family of systems"),
        ("smp:Unt/resnet18", "did you mean 'Unet'"),
        ("smp:Unet/resnet17", "resnet17"),
        ("mmseg:none.py", "no such file"),
        ("mmseg:point_rend/pointrend_r50_4xb2-80k_cityscapes-512x1024.py", "a CascadeEncoderDecoder"),
    ],
)
def test_a_wrong_name_is_one_line(name, said):
    with pytest.raises((UserError, UnknownNameError), match=said):
        registry.build(registry.card(name), 3)
