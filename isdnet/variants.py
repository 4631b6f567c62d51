"""Everything that varies in ISDNet: the form of text or released code, the deep branch, the fusion, the losses.

Every field of :class:`Form` is one line of ``docs/isdnet-forms.md``. "Text" is the CVPR 2022 paper; "code" is the
repository cedricgsh/ISDNet at commit 7341335. Nothing here imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Auxiliary = Literal["deep", "fuse16", "fuse8", "stage3"]
DeepName = Literal["resnet18-aspp", "resnet50-aspp", "resnet18-psp", "segformer-b0"]

AUXILIARY_WEIGHTS: dict[Auxiliary, float] = {"deep": 1.0, "fuse16": 1.0, "fuse8": 1.0, "stage3": 0.4}
SUPER_RESOLUTION_WEIGHT = 0.1  # lambda_2 of eq. 8, the same in text and code
DISTILLATION_WEIGHT = 1.0  # lambda_3


@dataclass(frozen=True, kw_only=True)
class Form:
    """The points in which the text and the released code differ, for the net and its losses."""

    name: Literal["paper", "released-code"]
    relation_groups: int  # k of eq. 3, for 128 channels
    relation_layers: int  # fully connected layers of eq. 4; two come with a ReLU inside and one after
    attention_norm: bool  # whether eq. 2's fc is a 1x1 convolution with batch norm, or a linear layer
    fusion_convs: bool  # whether 3x3 convolutions follow Upsample and the sum of eq. 5
    auxiliary: tuple[Auxiliary, ...]  # heads of L_AUX
    super_resolution_target: Literal["image", "high-frequency"]  # of eq. 6
    distillation: Literal["plain", "normalised"]  # of eq. 7
    entropy_mean: Literal["labelled", "all"]  # the pixels that the mean cross-entropy divides by


PAPER = Form(
    name="paper",
    relation_groups=8,  # k groups of length r, with the code's constant r = 16 as the length
    relation_layers=1,
    attention_norm=False,
    fusion_convs=False,
    auxiliary=("deep",),
    super_resolution_target="image",
    distillation="plain",
    entropy_mean="labelled",
)
RELEASED_CODE = Form(
    name="released-code",
    relation_groups=16,
    relation_layers=2,
    attention_norm=True,
    fusion_convs=True,
    auxiliary=("deep", "fuse16", "fuse8", "stage3"),
    super_resolution_target="high-frequency",
    distillation="normalised",
    entropy_mean="all",
)


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """A row of Table 6, with its columns. M_s belongs to the shallow branch, as in eq. 5; the caption swaps them."""

    join: Literal["add", "concat"] = "add"
    channel_wise: bool = True
    m_s: bool = True
    m_d: bool = True


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One net: the defaults are ISDNet as in Tables 1 to 3."""

    form: Form = RELEASED_CODE
    branches: Literal["both", "deep", "shallow"] = "both"
    deep: DeepName = "resnet18-aspp"
    fusion: Fusion = Fusion()
    high_frequency: bool = True  # H of Table 7: residuals instead of RGB into the shallow branch
    super_resolution: bool = True
    distillation: bool = True  # needs super_resolution


_ADD = Fusion(channel_wise=False, m_s=False, m_d=False)
_BASELINE = Variant(high_frequency=False, super_resolution=False, distillation=False)  # section 4.6: L_SEG and L_AUX

VARIANTS: dict[str, Variant] = {
    "isdnet": Variant(),
    "isdnet-paper": Variant(form=PAPER),
    "isdnet-r50": Variant(deep="resnet50-aspp"),
    "isdnet-pspnet": Variant(deep="resnet18-psp"),
    "isdnet-segformer": Variant(deep="segformer-b0"),
    "isdnet-deep-quarter": replace(_BASELINE, branches="deep"),
    "isdnet-deep-half": replace(_BASELINE, branches="deep"),
    "isdnet-deep-full": replace(_BASELINE, branches="deep"),
    "isdnet-r50-deep-quarter": replace(_BASELINE, branches="deep", deep="resnet50-aspp"),
    "isdnet-r50-deep-half": replace(_BASELINE, branches="deep", deep="resnet50-aspp"),
    "isdnet-r50-deep-full": replace(_BASELINE, branches="deep", deep="resnet50-aspp"),
    "isdnet-shallow-quarter": replace(_BASELINE, branches="shallow", fusion=_ADD),
    "isdnet-shallow-full": replace(_BASELINE, branches="shallow", fusion=_ADD),
    "isdnet-baseline": replace(_BASELINE, fusion=_ADD),
    "isdnet-add": Variant(fusion=_ADD),
    "isdnet-add-cw": Variant(fusion=Fusion(m_s=False, m_d=False)),
    "isdnet-concat": Variant(fusion=Fusion(join="concat", channel_wise=False, m_s=False, m_d=False)),
    "isdnet-concat-cw": Variant(fusion=Fusion(join="concat", m_s=False, m_d=False)),
    "isdnet-ms": Variant(fusion=Fusion(m_d=False)),
    "isdnet-rgb": _BASELINE,
    "isdnet-rgb-sr": Variant(high_frequency=False, distillation=False),
    "isdnet-rgb-sr-sd": Variant(high_frequency=False),
}
