"""Exported files: for images of any size, with torch's labels, or not there."""

import json
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from benchmark.card import CustomInference, Downsampled, SlidingWindow
from benchmark.errors import UserError
from benchmark.export import formats
from benchmark.export.export import UNSEEN, export
from benchmark.export.part import ExportError
from benchmark.export.traced import EXAMPLE, example_image, pooled
from tests.benchmark.tiny import CARD, TinySystem

SIZES = ((96, 64), (77, 131))


class Pooling(TinySystem):
    """With the pool of PSPNet and its kind, whose windows depend on the image's size."""

    def forward(self, image):
        maps = self.body(self.normalised(image))
        return self.head(maps + F.interpolate(F.adaptive_avg_pool2d(maps, (3, 2)), maps.shape[-2:], mode="bilinear"))


class BranchesOnSize(TinySystem):
    """Gives other labels where the image is as high as one of those on which a file is tried."""

    def logits(self, image):
        made = super().logits(image)
        return made.roll(1, 1) if image.shape[-2] == UNSEEN[1][0] else made


def made(kind=TinySystem, **facts):
    torch.manual_seed(3)
    system = kind(replace(CARD, **facts))
    with torch.no_grad():
        system.train()(example_image(0, EXAMPLE))  # statistics, so that there are several classes
        system.head.bias -= system.eval()(example_image(0, EXAMPLE)).mean((0, 2, 3))
    return system.eval()


def written(tmp_path, ending, system):
    if ending == ".onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    out = tmp_path / f"net{ending}"
    return out, export(system, out, {"system": "tiny"})


def test_pooling_by_products_is_torchs():
    maps = torch.rand(2, 3, 37, 20)
    for size in ((1, 1), (2, 3), (6, 7), (37, 20)):
        torch.testing.assert_close(pooled(maps, size), F.adaptive_avg_pool2d(maps, size))


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".pt2", ".onnx"])
def test_a_file_gives_torchs_labels_at_any_size(ending, tmp_path):
    own = made(Pooling, inference=Downsampled(0.5))
    out, found = written(tmp_path, ending, own)
    assert [one.size for one in found] == list(UNSEEN)
    assert min(one.share for one in found) > 0.999
    assert min(one.classes for one in found) > 1
    run = formats.OPEN[ending](out, 1)
    for size in SIZES:
        image = example_image(2, size)
        labels = run(image)
        assert labels.dtype == torch.uint8
        assert (labels == own.predict(image)).float().mean() > 0.999
    assert [file.name for file in tmp_path.iterdir()] == [out.name]


@pytest.mark.slow
def test_of_a_sliding_window_one_pass_is_exported_and_the_file_says_so(tmp_path):
    onnx = pytest.importorskip("onnx")
    own = made(inference=SlidingWindow(64, 16), size_multiple=16)
    out, _ = written(tmp_path, ".onnx", own)
    words = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
    assert words["system"] == "tiny"
    assert "one patch" in words["output"]
    assert (words["patch"], words["overlap"]) == ("64", "16")
    run = formats.open_onnx(out, 1)
    image = example_image(0, (112, 64))  # two patches, 16 rows shared
    top, bottom = run(image[..., :64, :].contiguous()), run(image[..., 48:, :].contiguous())
    total = torch.zeros(1, 3, 112, 64)
    total[..., :64, :] += top
    total[..., 48:, :] += bottom
    total[..., 48:64, :] /= 2
    torch.testing.assert_close(total, own.logits(image).detach(), atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_metadata_of_a_pt2_file(tmp_path):
    out, _ = written(tmp_path, ".pt2", made())
    files = {formats.METADATA: ""}
    torch.export.load(out, extra_files=files)
    words = json.loads(files[formats.METADATA])
    assert words["system"] == "tiny"
    assert words["output"].startswith("labels: uint8")


@pytest.mark.slow
def test_a_file_with_other_labels_is_not_left(tmp_path):
    out = tmp_path / "net.pt2"
    out.write_bytes(b"before")
    with pytest.raises(ExportError, match=r"net\.pt2: not written: at 333x257 only .* of system 'tiny'"):
        export(made(BranchesOnSize), out, {})
    assert out.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.slow
def test_a_net_that_torch_cannot_follow_is_one_line(tmp_path):
    class Data(TinySystem):
        def logits(self, image):
            return super().logits(image) if image.mean() > 0 else image

    with pytest.raises(ExportError, match="system 'tiny': torch cannot follow its net") as error:
        export(made(Data), tmp_path / "net.pt2", {})
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_procedure_of_its_own_is_refused(tmp_path):
    with pytest.raises(ExportError, match=r"system 'tiny': not one pass .* \(two passes\); use 'isdbench predict'"):
        export(made(inference=CustomInference("two passes")), tmp_path / "net.pt2", {})


def test_a_library_that_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None if name == "onnxscript" else 1)
    with pytest.raises(UserError, match=r"net\.onnx needs onnxscript: pip install 'isdbench\[onnx\]'"):
        formats.require_format(tmp_path / "net.onnx")
    formats.require_format(tmp_path / "net.pt2")


def test_an_ending_that_says_no_format_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"net\.pth: name a file that ends in \.onnx or \.pt2"):
        formats.require_format(tmp_path / "net.pth")
