"""The how-to pages: their scripts and manifests are sound, and fit the image and its versions."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from benchmark.cli import parser_for

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "how-to").glob("*.md"))


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", text(f"docs/how-to/{page}"), re.DOTALL)


def manifest():
    (found,) = blocks("kubernetes.md", "yaml")
    return yaml.safe_load(found)


def commands(page):
    """The words of every `isdbench run` of a page's blocks; continued lines are joined."""
    if page == "kubernetes.md":
        return [manifest()["spec"]["entrypoint"].split()]
    joined = "".join(blocks(page, "bash")).replace("\\\n", " ")
    return [shlex.split(line, comments=True) for line in re.findall(r"^isdbench run .*$", joined, re.MULTILINE)]


def locked(package):
    return re.search(rf'^name = "{package}"\nversion = "(.+)"$', text("uv.lock"), re.MULTILINE)[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_each_says_how_far_it_was_tried(page):
    assert "**How far it was tried.**" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_shell_blocks_are_shell(page, tmp_path):
    found = blocks(page.name, "bash")
    assert found
    for number, block in enumerate(found):
        script = tmp_path / f"{number}.sh"
        script.write_text(block, encoding="utf-8")
        subprocess.run(["bash", "-n", script], check=True)


@pytest.mark.parametrize("page", ["laptop.md", "slurm.md", "kubernetes.md"])
def test_the_commands_have_only_options_that_exist(page):
    found = commands(page)
    assert found
    for words in found:
        parser_for(words[1:]).parse_args(words[1:])


def test_the_slurm_job_asks_for_no_more_cores_than_it_has():
    (_, script) = blocks("slurm.md", "bash")
    cores, gpus = (int(re.search(rf"#SBATCH --{name}=(\d+)", script)[1]) for name in ("cpus-per-task", "gpus-per-node"))
    (words,) = commands("slurm.md")
    assert int(words[words.index("--threads") + 1]) * gpus <= cores


def test_the_manifest_runs_on_pods_that_share_a_volume():
    job = manifest()
    assert (job["kind"], job["spec"]["shutdownAfterJobFinishes"]) == ("RayJob", True)
    cluster = job["spec"]["rayClusterSpec"]
    pods = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    words = job["spec"]["entrypoint"].split()
    for pod in pods:
        (container,) = pod["template"]["spec"]["containers"]
        (mount,) = container["volumeMounts"]
        for option in ("--root", "--out"):
            assert words[words.index(option) + 1].startswith(mount["mountPath"])
        assert int(words[words.index("--threads") + 1]) <= int(container["resources"]["limits"]["cpu"])


def test_the_manifest_names_the_versions_of_the_image():
    cluster = manifest()["spec"]["rayClusterSpec"]
    (container,) = cluster["headGroupSpec"]["template"]["spec"]["containers"]
    tag = container["image"].rpartition("/")[2]
    assert cluster["rayVersion"] == locked("ray")
    assert tag == f"isdbench:{locked('isdbench')}-cuda"
    assert tag in text("docs/how-to/container.md")


def test_the_dockerfile_has_the_targets_that_the_page_and_the_session_name():
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", text("Dockerfile"), re.MULTILINE))
    assert set(re.findall(r"--target (\w+)", text("docs/how-to/container.md"))) == {"cpu", "cuda"} <= stages


def test_the_image_is_given_all_that_the_wheel_is_built_from():
    left_out = {line for line in text(".dockerignore").splitlines() if not line.startswith("#")}
    needed = {
        "benchmark",
        "baselines",
        "isdnet",
        "results",
        "reports",
        "pyproject.toml",
        "uv.lock",
        "README.md",
        "LICENSE",
    }
    assert {"tests", "docs", ".git"} <= left_out
    assert not left_out & needed
    assert all((ROOT / name).exists() for name in needed)
