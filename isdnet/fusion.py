"""Relation-aware fusion (RAF) of a shallow and a deep map, eqs. 2 to 5, and the other fusions of Table 6."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark.inference import resize
from isdnet.blocks import ConvBn
from isdnet.variants import Form, Fusion

CHANNELS = 128  # C, of the deep map and of every fused map


class Modulation(nn.Module):
    """One branch's attention (eq. 2) and modulation factor M (eq. 4)."""

    def __init__(self, form: Form, *, relation: bool) -> None:
        super().__init__()
        self.attend = (
            ConvBn(CHANNELS, CHANNELS, 1, relu=False) if form.attention_norm else nn.Conv2d(CHANNELS, CHANNELS, 1)
        )
        self.relate = _relation_fc(form) if relation else None
        self.alpha = nn.Parameter(torch.zeros(1)) if relation else None

    def attention(self, feature: Tensor) -> Tensor:
        """Eq. 2: ``att = fc(GAP(F))``, ``[B, C, H, W]`` to ``[B, C]``.

        GAP is the mean over all positions; fc is a 1x1 convolution, in the released code with batch norm. The result
        has no activation yet: the sigmoid is in eq. 4.
        """
        attention: Tensor = self.attend(feature.mean(dim=(2, 3), keepdim=True))
        return attention.flatten(1)

    def factor(self, attention: Tensor, relation: Tensor) -> Tensor:
        """Eq. 4: ``M = sigmoid(att + alpha fc(flatten(R)))``, ``[B, C, 1, 1]``; without relation ``sigmoid(att)``.

        ``attention`` is ``[B, C]``, ``relation`` is R of eq. 3, ``[B, groups, groups]``; alpha is learned and starts at
        0.
        """
        if self.relate is not None:
            attention = attention + self.alpha * self.relate(relation.flatten(1))
        return torch.sigmoid(attention)[..., None, None]


def _relation_fc(form: Form) -> nn.Sequential:
    pairs = form.relation_groups**2
    if form.relation_layers == 1:
        return nn.Sequential(nn.Linear(pairs, CHANNELS))
    return nn.Sequential(nn.Linear(pairs, CHANNELS), nn.ReLU(), nn.Linear(CHANNELS, CHANNELS), nn.ReLU())


def relationship(shallow: Tensor, deep: Tensor, groups: int) -> Tensor:
    """Eq. 3: ``R = G_s G_d^T``, ``[B, groups, groups]``, of attention vectors ``[B, C]`` cut in order into groups."""
    return torch.bmm(shallow.view(len(shallow), groups, -1), deep.view(len(deep), groups, -1).transpose(1, 2))


class RelationAwareFusion(nn.Module):
    """Eq. 5: ``M_s F_s + Upsample(M_d F_d)``; without relations ARM's channel attention, without attention a plain sum.

    The released code adds 3x3 convolutions after Upsample and after the sum (isdhead.py, ``context_head``, ``smooth``).
    """

    def __init__(self, shallow_channels: int, form: Form, fusion: Fusion) -> None:
        super().__init__()
        self.groups = form.relation_groups
        self.project_shallow = ConvBn(shallow_channels, CHANNELS, 3)
        self.project_deep = ConvBn(CHANNELS, CHANNELS, 3)
        self.modulate_shallow = Modulation(form, relation=fusion.m_s) if fusion.channel_wise else None
        self.modulate_deep = Modulation(form, relation=fusion.m_d) if fusion.channel_wise else None
        self.after_upsample = ConvBn(CHANNELS, CHANNELS, 3) if form.fusion_convs else nn.Identity()
        self.after_sum = ConvBn(CHANNELS, CHANNELS, 3, relu=False) if form.fusion_convs else nn.Identity()

    def forward(self, shallow: Tensor, deep: Tensor) -> tuple[Tensor, Tensor]:
        """Of maps ``[B, *, H_s, W_s]``, ``[B, C, H_d, W_d]``: the fused and the enlarged deep map, both at H_s, W_s."""
        shallow, deep = self.project_shallow(shallow), self.project_deep(deep)
        for_shallow, for_deep = self.factors(shallow, deep)
        shallow = shallow * for_shallow  # under the same name, so that the map before is freed
        return self.joined(shallow, resize(deep * for_deep, (shallow.shape[-2], shallow.shape[-1])))

    def factors(self, shallow: Tensor, deep: Tensor) -> tuple[Tensor | float, Tensor | float]:
        """M_s and M_d of eq. 4, ``[B, C, 1, 1]``, of the projected maps; 1 without attention."""
        if self.modulate_shallow is None or self.modulate_deep is None:
            return 1.0, 1.0
        attention_s, attention_d = self.modulate_shallow.attention(shallow), self.modulate_deep.attention(deep)
        relation = relationship(attention_s, attention_d, self.groups)
        return self.modulate_shallow.factor(attention_s, relation), self.modulate_deep.factor(attention_d, relation)

    def joined(self, shallow: Tensor, deep: Tensor) -> tuple[Tensor, Tensor]:
        """As ``forward``, of modulated maps of one size ``[B, C, H_s, W_s]``."""
        deep = self.after_upsample(deep)
        return self.after_sum(shallow + deep), deep


class ConcatFusion(nn.Module):
    """Concatenation and a 3x3 convolution; channel-wise: then the attention of BiSeNet's feature fusion module."""

    def __init__(self, shallow_channels: int, fusion: Fusion) -> None:
        super().__init__()
        self.project_shallow = ConvBn(shallow_channels, CHANNELS, 3)
        self.project_deep = ConvBn(CHANNELS, CHANNELS, 3)
        self.merge = ConvBn(2 * CHANNELS, CHANNELS, 3)
        self.attend = _ffm_attention() if fusion.channel_wise else None

    def forward(self, shallow: Tensor, deep: Tensor) -> tuple[Tensor, Tensor]:
        """As :class:`RelationAwareFusion`."""
        shallow, deep = self.project_shallow(shallow), self.project_deep(deep)
        deep = resize(deep, (shallow.shape[-2], shallow.shape[-1]))
        fused = self.merge(torch.cat([shallow, deep], dim=1))
        if self.attend is not None:
            fused = fused + fused * self.attend(F.adaptive_avg_pool2d(fused, 1))
        return fused, deep


def _ffm_attention() -> nn.Sequential:
    return nn.Sequential(ConvBn(CHANNELS, CHANNELS, 1), nn.Conv2d(CHANNELS, CHANNELS, 1), nn.Sigmoid())


def fusion_module(shallow_channels: int, form: Form, fusion: Fusion) -> RelationAwareFusion | ConcatFusion:
    """The fusion of a variant.

    ``shallow_channels`` is the width of the shallow map: 256 at 1/8 of the image, 512 at 1/16.
    """
    if fusion.join == "concat":
        return ConcatFusion(shallow_channels, fusion)
    return RelationAwareFusion(shallow_channels, form, fusion)
