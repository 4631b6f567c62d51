import pytest
import torch
from torch.nn import functional as F

from isdnet.fusion import CHANNELS, ConcatFusion, RelationAwareFusion, fusion_module, relationship
from isdnet.variants import PAPER, RELEASED_CODE, Fusion

FORMS = [PAPER, RELEASED_CODE]
RAF = Fusion()
FUSIONS = [
    Fusion(channel_wise=False, m_s=False, m_d=False),
    Fusion(m_s=False, m_d=False),
    Fusion(m_d=False),
    RAF,
    Fusion(join="concat", channel_wise=False, m_s=False, m_d=False),
    Fusion(join="concat", m_s=False, m_d=False),
]


def maps(batch: int = 2):
    generator = torch.Generator().manual_seed(3)
    return torch.randn(batch, 24, 11, 9, generator=generator), torch.randn(batch, CHANNELS, 4, 3, generator=generator)


def built(form=RELEASED_CODE, fusion=RAF, seed: int = 0):
    torch.manual_seed(seed)
    return fusion_module(24, form, fusion).eval()


def test_equation_3_by_hand():
    shallow, deep = torch.tensor([[1.0, 2, 3, 4]]), torch.tensor([[5.0, 6, 7, 8]])
    assert relationship(shallow, deep, 2).tolist() == [[[17, 23], [39, 53]]]
    # one group: the inner product of the vectors; as many groups as channels: their outer product
    assert relationship(shallow, deep, 1).tolist() == [[[70]]]
    assert torch.equal(relationship(shallow, deep, 4)[0], torch.outer(shallow[0], deep[0]))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_raf_with_alpha_0_is_plain_channel_attention(form):
    raf, arm = built(form), built(form, Fusion(m_s=False, m_d=False), seed=1)
    assert isinstance(raf, RelationAwareFusion)
    assert (raf.modulate_shallow.alpha.item(), raf.modulate_deep.alpha.item()) == (0, 0)
    unused = arm.load_state_dict(raf.state_dict(), strict=False).unexpected_keys
    assert unused
    assert all(".relate." in key or key.endswith(".alpha") for key in unused)
    for mine, other in zip(raf(*maps()), arm(*maps()), strict=True):
        assert torch.equal(mine, other)
    raf.modulate_shallow.alpha.data.fill_(1)
    assert not torch.equal(raf(*maps())[0], arm(*maps())[0])


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_equations_2_to_5_written_out(form):
    raf = built(form)
    raf.modulate_shallow.alpha.data.fill_(0.7)
    raf.modulate_deep.alpha.data.fill_(-0.4)
    shallow, deep = maps()
    f_s, f_d = raf.project_shallow(shallow), raf.project_deep(deep)
    att_s = raf.modulate_shallow.attend(F.adaptive_avg_pool2d(f_s, 1)).view(2, CHANNELS)
    att_d = raf.modulate_deep.attend(F.adaptive_avg_pool2d(f_d, 1)).view(2, CHANNELS)
    k = form.relation_groups
    r = torch.einsum("bir,bjr->bij", att_s.view(2, k, -1), att_d.view(2, k, -1)).reshape(2, k * k)
    m_s = torch.sigmoid(att_s + 0.7 * raf.modulate_shallow.relate(r)).view(2, CHANNELS, 1, 1)
    m_d = torch.sigmoid(att_d - 0.4 * raf.modulate_deep.relate(r)).view(2, CHANNELS, 1, 1)
    enlarged = raf.after_upsample(F.interpolate(m_d * f_d, (11, 9), mode="bilinear"))
    fused, beside = raf(shallow, deep)
    torch.testing.assert_close(fused, raf.after_sum(m_s * f_s + enlarged))
    torch.testing.assert_close(beside, enlarged)


@pytest.mark.parametrize("fusion", FUSIONS, ids=str)
def test_every_fusion_gives_both_maps_and_trains_every_parameter(fusion):
    module = built(fusion=fusion).train()
    for name, parameter in module.named_parameters():
        if name.endswith("alpha"):
            parameter.data.fill_(0.5)  # at 0, where training starts, nothing flows into the relation's layers
    fused, beside = module(*maps())
    assert fused.shape == beside.shape == (2, CHANNELS, 11, 9)
    (fused.square().mean() + beside.square().mean()).backward()
    still = [name for name, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_fusions_differ():
    kinds = [sum(p.numel() for p in built(fusion=fusion).parameters()) for fusion in FUSIONS]
    assert len(set(kinds)) == len(FUSIONS)
    assert isinstance(built(fusion=FUSIONS[-1]), ConcatFusion)
