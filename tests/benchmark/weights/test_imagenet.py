"""ImageNet weights from a folder, from a server on this machine, and the reason when there are none."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from benchmark.card import ImageNetWeights
from benchmark.errors import WeightsError
from benchmark.weights.download import default_folder, obtain
from benchmark.weights.imagenet import initialise
from tests.benchmark.tiny import CARD, TinySystem


class Pretrained(TinySystem):
    """Takes the weight of its first convolution from the file."""

    def load_imagenet(self, state):
        if "conv1.weight" not in state:
            raise ValueError("conv1.weight is missing")
        self.body[0].weight.data.copy_(state["conv1.weight"])


@pytest.fixture
def file(tmp_path) -> bytes:
    torch.save({"conv1.weight": torch.full((8, 3, 3, 3), 0.25)}, tmp_path / "made.pth")
    return (tmp_path / "made.pth").read_bytes()


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "weights"


@pytest.fixture
def server(file) -> Iterator[str]:
    pages = {"/net.pth": file, "/page": b"<!DOCTYPE html><html>too many downloads</html>", "/other.pth": file + b"x"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = pages.get(self.path)
            self.send_response(200 if content else 404)
            self.send_header("Content-Length", str(len(content or b"") + (900 if self.path == "/cut.pth" else 0)))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *args):
            pass

    pages["/cut.pth"] = file[:100]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def weights(file: bytes, *urls: str) -> ImageNetWeights:
    return ImageNetWeights(file="net.pth", urls=urls, sha256=hashlib.sha256(file).hexdigest()[:8])


def pretrained(*named: ImageNetWeights) -> Pretrained:
    return Pretrained(dataclasses.replace(CARD, imagenet=named))


def test_a_local_file_is_used_without_asking_anyone(file, folder):
    folder.mkdir()
    (folder / "net.pth").write_bytes(file)
    assert obtain(weights(file, "http://127.0.0.1:9/net.pth"), "auto", folder) == folder / "net.pth"


def test_a_local_file_with_another_hash_is_an_error(file, folder):
    folder.mkdir()
    (folder / "net.pth").write_bytes(file + b"x")
    with pytest.raises(WeightsError, match=r"net.pth: sha256 .*expected .*remove or replace it"):
        obtain(weights(file), "local", folder)


def test_a_download_is_kept_and_the_next_run_needs_no_server(file, folder, server):
    assert obtain(weights(file, f"{server}/net.pth"), "auto", folder) == folder / "net.pth"
    assert (folder / "net.pth").read_bytes() == file
    assert obtain(weights(file), "local", folder) == folder / "net.pth"


def test_the_next_mirror_is_tried(file, folder, server):
    urls = [f"{server}/{name}" for name in ("missing", "page", "other.pth", "cut.pth", "net.pth")]
    assert obtain(weights(file, *urls), "auto", folder) == folder / "net.pth"
    assert [path.name for path in folder.iterdir()] == ["net.pth"]


@pytest.mark.parametrize(
    ("page", "why"),
    [("missing", "404"), ("page", "web page"), ("other.pth", "sha256 .*expected"), ("cut.pth", "IncompleteRead")],
)
def test_a_bad_answer_is_a_reason_and_leaves_no_file(file, folder, server, page, why):
    reason = obtain(weights(file, f"{server}/{page}"), "auto", folder)
    assert isinstance(reason, str)
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(reason)
    assert f"put net.pth from {server}/{page} into {folder}" in reason
    assert not folder.exists() or not list(folder.iterdir())


def test_no_server_no_file_and_a_foreign_scheme_are_reasons(file, folder):
    assert "127.0.0.1:9/net.pth: " in obtain(weights(file, "http://127.0.0.1:9/net.pth"), "auto", folder)
    local = folder.parent / "made.pth"
    assert "not a web address" in obtain(weights(file, local.as_uri()), "auto", folder)


def test_mode_local_never_asks_a_server(file, folder, server):
    reason = obtain(weights(file, f"{server}/net.pth"), "local", folder)
    assert reason == f"no file; put net.pth from {server}/net.pth into {folder}"


def test_the_system_gets_the_weights_and_the_record_their_name(file, folder, server):
    system = pretrained(weights(file, f"{server}/net.pth"))
    path = obtain(system.card.imagenet[0], "auto", folder)
    text = initialise(system, [path.name], folder)
    assert text == f"imagenet: net.pth {hashlib.sha256(file).hexdigest()[:16]}"
    assert (system.body[0].weight == 0.25).all()


@pytest.mark.parametrize(("named", "why"), [(True, "net.pth was not available"), (False, "no ImageNet")])
def test_without_weights_the_run_goes_on_and_the_record_says_why(file, folder, named, why):
    system = pretrained(*[weights(file)] * named)
    before = system.body[0].weight.clone()
    text = initialise(system, [], folder)
    assert text.startswith("random: ")
    assert why in text
    assert torch.equal(system.body[0].weight, before)


def test_one_file_of_two_is_said_to_be_a_part(file, folder):
    folder.mkdir()
    (folder / "net.pth").write_bytes(file)
    system = pretrained(weights(file), ImageNetWeights(file="other.pth", urls=()))
    assert initialise(system, ["net.pth"], folder).startswith("partly imagenet: net.pth ")


def test_a_file_of_another_net_is_an_error(folder):
    folder.mkdir()
    torch.save({"fc.weight": torch.ones(2)}, folder / "net.pth")
    with pytest.raises(WeightsError, match=r"not the weights of 'tiny' \(conv1.weight is missing\)"):
        initialise(pretrained(ImageNetWeights(file="net.pth", urls=())), ["net.pth"], folder)


def test_the_folder_can_be_named_by_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("ISDBENCH_WEIGHTS", raising=False)
    assert default_folder() == tmp_path / "isdbench" / "weights"
    monkeypatch.setenv("ISDBENCH_WEIGHTS", str(tmp_path / "mine"))
    assert default_folder() == tmp_path / "mine"
