"""Systems that need no card: any net of segmentation-models-pytorch or mmsegmentation, by its name in the library.

``smp:Unet/resnet34`` is an architecture and an encoder; ``mmseg:PATH`` a configuration file of the user, or of the
installed mmsegmentation (``mmseg:pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py``), which is Python and is run.
Both see the whole image, at its full size, and train by the common protocol.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from baselines.common.builders import mmseg_builder, smp_builder
from baselines.common.recipes import paper
from benchmark.card import Card, WholeImage
from benchmark.errors import UserError
from benchmark.published import mmseg_key
from benchmark.spec import SystemSpec

MULTIPLE = 32  # what most encoders halve a side down by


def smp(name: str, net: str) -> SystemSpec:
    """The system of ``ARCHITECTURE/ENCODER``.

    Raises:
        UserError: there is no slash; the library's own names are checked when the net is built.
    """
    architecture, slash, encoder = net.partition("/")
    if not (architecture and slash and encoder):
        raise UserError(f"system '{name}': write smp:ARCHITECTURE/ENCODER, such as smp:Unet/resnet34")
    card = _card(name, f"{architecture} ({encoder})", f"segmentation-models-pytorch, {architecture}({encoder})", "MIT")
    return SystemSpec(card, smp_builder(architecture, encoder), "net.{}".format)


def mmseg(name: str, path: str) -> SystemSpec:
    """The system of a configuration file.

    Raises:
        UserError: no file was named.
    """
    if not path:
        raise UserError(f"system '{name}': name a configuration file, such as mmseg:my_net.py")
    file = Path(path)
    own = file.resolve() if file.is_file() else None
    content = hashlib.sha256(own.read_bytes()).hexdigest()[:12] if own else ""  # another content, another system
    source = f"mmsegmentation, {own or path}"
    card = _card(name, file.stem, source, "Apache-2.0 (the library)", variant=content)
    return SystemSpec(card, mmseg_builder(str(own or path)), mmseg_key)


def _card(name: str, title: str, source: str, licence: str, variant: str = "") -> Card:
    return Card(
        name=name,
        title=title,
        group="Global Inference",
        citation="see the library",
        source=source,
        licence=licence,
        fidelity="library",
        backbone="as named",
        parameters=0,  # counted when the net is built
        inference=WholeImage(),
        recipes={"paper": paper()},
        rows=(),
        size_multiple=MULTIPLE,
        variant=variant,
        assumptions=(
            "named by the user, without a card: whole image, padded to multiples of 32, common protocol",
            "class weights of a loss are left out where they are for another number of classes",
        ),
    )


FAMILIES = {"smp": smp, "mmseg": mmseg}
