"""Sessions: `nox -s table1` measures and prints Table 1, `nox -s tests` runs the tests, `nox -l` lists all.

What follows `--` goes to the tool: `nox -s table1 -- --profile lite --device cuda`. `--frozen` there installs the very
versions that uv.lock names instead of the newest that fit.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).parent))  # nox runs without the package: its lists are read from the checkout
from results.paper import OWN_TABLES, TABLE_NAMES
from results.paper.figures import FIGURES

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "tests"]
os.environ.setdefault("UV_COMPILE_BYTECODE", "1")  # as pip does; a process that may not write it starts 10 s late

COMPARED = ("--profile", "smoke", "--only", "accuracy", "--systems", "isdnet,stdc")
ACCURACY = ("run", "table1", *COMPARED)  # of each side of a comparison
TWO_AT_A_TIME = ("--numprocesses=2", "--dist=worksteal")
ONE_CORE = {"OMP_NUM_THREADS": "1"}
FROZEN = "--frozen"
REPORTED = ("dashboard.html", "agreement.md", "ranking.md", "costs.md", "repeats.md", "audit.md")  # in the site as well
CODE = ("benchmark", "baselines", "isdnet", "results", "reports", "tests", "docs", "noxfile.py")


def _install(session: nox.Session, *extras: str) -> None:
    """This checkout with extras: the newest versions that fit, or with ``--frozen`` those of uv.lock."""
    if FROZEN not in session.posargs:
        session.install("-e", f".[{','.join(extras)}]" if extras else ".")
        return
    session.posargs.remove(FROZEN)
    words = [word for extra in extras for word in ("--extra", extra)]
    place = session.virtualenv.location
    session.run_install("uv", "sync", FROZEN, *words, env={"UV_PROJECT_ENVIRONMENT": place}, external=True)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, two at a time on one core each."""
    _install(session, "dev")
    session.run("pytest", *TWO_AT_A_TIME, *session.posargs, env=ONE_CORE)


@nox.session(default=False)
def quick(session: nox.Session) -> None:
    """What to run before a commit: all tests but those marked slow."""
    _install(session, "dev")
    session.run("pytest", *TWO_AT_A_TIME, "-m", "not slow", *session.posargs, env=ONE_CORE)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff: format and rules; import-linter: who may import whom."""
    session.install("ruff>=0.6,<0.18", "import-linter>=2.5,<3", "uv>=0.5")
    session.run("uv", "lock", "--check", "--offline")  # uv.lock is that of pyproject.toml
    session.run("ruff", "format", "--check", *CODE)
    session.run("ruff", "check", *CODE)
    session.run("lint-imports", "--no-logo", env={"PYTHONPATH": "."})


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict, on our packages."""
    _install(session, "dev")
    session.run("mypy")


@nox.session(default=False)
def speed(session: nox.Session) -> None:
    """Speed of the hot paths, each as a ratio to a reference in the same process, against the committed baseline."""
    _install(session, "dev")
    saved = Path("out", "speed.json")
    saved.parent.mkdir(exist_ok=True)
    timed = ("tests/perf", "--ignore=tests/perf/test_densecrf.py")  # that one belongs to `nox -s crf`
    session.run("pytest", *timed, "--benchmark-enable", f"--benchmark-json={saved}")
    session.run("python", "-m", "tests.perf.ratios", str(saved), *session.posargs)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """10,000 mutated files through all readers; the tests try 400 of them."""
    _install(session, "dev")
    many = {"ISDBENCH_FUZZ": "10000", **ONE_CORE}
    session.run("pytest", "-rP", "tests/benchmark/data/test_fuzz.py", *session.posargs, env=many)


@nox.session(default=False)
def compare(session: nox.Session) -> None:
    """This checkout against a commit, in turns on this machine: `nox -s compare -- origin/main --systems stdc`."""
    _install(session)
    base, *words = session.posargs or ("origin/main",)
    shared = Path(session.create_tmp()).absolute()
    tree, environment, out = shared / "base", shared / "base-environment", shared / "records"
    for left in (tree, environment, out):
        shutil.rmtree(left, ignore_errors=True)
    session.run("git", "worktree", "prune", external=True)
    session.run("git", "worktree", "add", "--force", "--detach", str(tree), base, external=True)
    try:
        _install_beside(session, environment, tree)
        sides = (str(environment), session.virtualenv.location)
        session.run("isdbench", "interleave", *sides, "--out", str(out), *(words or ("--systems", "isdnet,stdc")))
        for side, place in (("base", environment / "bin"), ("head", Path(session.virtualenv.bin))):
            folders = ("--records", str(out / side), "--out", str(out / f"{side}-work"))
            with session.chdir(out):  # here the packages of this checkout would go before the base's
                session.run(str(place / "isdbench"), *ACCURACY, *folders, external=True)
        stores = (str(out / "base"), str(out / "head"), "--noise", str(out / "noise"))
        session.run("isdbench", "compare", *stores, "--markdown", str(out / "comparison.md"))
    finally:
        session.run("git", "worktree", "remove", "--force", str(tree), external=True)


def _install_beside(session: nox.Session, environment: Path, tree: Path) -> None:
    """The package of another checkout in an environment of its own."""
    if session.venv_backend == "uv":
        session.run("uv", "venv", "--quiet", "--python", session.virtualenv.location, str(environment), external=True)
        session.run("uv", "pip", "install", "--python", str(environment), "-e", str(tree), external=True)
    else:
        session.run("python", "-m", "venv", str(environment))
        session.run("python", "-m", "pip", "--python", str(environment), "install", "-e", str(tree))


@nox.session(default=False)
def report(session: nox.Session) -> None:
    """Write tables, figures and the dashboard from the records made so far."""
    _install(session)
    session.run("isdbench", "report", *session.posargs)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """The site in out/site: what is written, what is generated, and the dashboard of the committed records."""
    _install(session)
    session.install("mkdocs-material>=9.5,<10", "mkdocstrings[python]>=0.26,<2")
    pages, reports = Path("out", "site-pages"), Path("out", "site-reports")
    session.run("python", "docs/site.py", str(pages))
    words = ("--records", "results/records", "--out", str(reports), "--no-figures", "--format", "md", "--quiet")
    session.run("isdbench", "report", *words)
    for name in REPORTED:
        shutil.copy(reports / name, pages / name)
    session.run("mkdocs", "build", "--strict", "--quiet", env={"PYTHONPATH": "."})


@nox.session(default=False, venv_backend="none")
def image(session: nox.Session) -> None:
    """The container images, where docker is there: `nox -s image` or `nox -s image -- cuda`."""
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        session.skip("docker is not installed, or its daemon does not answer")
    version = nox.project.load_toml("pyproject.toml")["project"]["version"]
    for target in session.posargs or ("cpu",):
        name = f"isdbench:{version}-{target}"
        session.run("docker", "build", "--target", target, "--tag", name, ".", external=True)


@nox.session(default=False)
def figures(session: nox.Session) -> None:
    """The figures of the paper and of the records made so far."""
    _install(session)
    for name in FIGURES:
        session.run("isdbench", "figure", name, *session.posargs)
    session.run("isdbench", "report")


@nox.session(default=False, python=["3.10", "3.11", "3.12"])
def crf(session: nox.Session) -> None:
    """DenseCRF beside the authors' C++ code, which takes a compiler and Python 3.12 at most."""
    _install(session, "dev", "crf")
    session.run("python", "-c", "import pydensecrf.densecrf")  # without it the tests below are skipped
    session.run("pytest", "tests/baselines/test_densecrf.py")
    session.run("pytest", "tests/perf/test_densecrf.py", "--benchmark-enable")  # at most twice as slow


@nox.session(default=False)
def ray(session: nox.Session) -> None:
    """The Ray engine on local clusters: drivers are killed twice, a node once, of a small table and of Table 1."""
    _install(session, "dev", "ray")
    session.run("pytest", "tests/benchmark/run/test_ray_engine.py", env={"ISDBENCH_RAY": "1", **ONE_CORE})


@nox.session(default=False)
def chaos(session: nox.Session) -> None:
    """100 random kills of runs of a small table, by each engine."""
    _install(session, "dev", "ray")
    env = {"ISDBENCH_CHAOS": "100", **ONE_CORE}
    session.run("pytest", "-rP", "tests/benchmark/run/test_chaos.py", *session.posargs, env=env)


@nox.session(default=False)
def ports(session: nox.Session) -> None:
    """Verified ports against recorded outputs of the official code; renews the table in docs/verified-ports.md."""
    _install(session, "dev")
    measured = Path("out", "ports.jsonl").absolute()
    measured.parent.mkdir(exist_ok=True)
    measured.unlink(missing_ok=True)
    session.run("pytest", "tests/ports", env={"ISDBENCH_PORTS": str(measured)})
    session.run("python", "-m", "tests.ports.page", str(measured), "docs/verified-ports.md")


@nox.session(default=False, venv_backend="uv", python="3.10")
def lowest(session: nox.Session) -> None:
    """The tests on the lowest supported version of everything."""
    session.install("--resolution", "lowest-direct", "-e", ".[dev]")
    session.run("pytest", *TWO_AT_A_TIME, *session.posargs, env=ONE_CORE)


def _measured(name: str, words: tuple[str, ...], what: str) -> None:
    """Register the session of a table or figure."""

    def session(session: nox.Session) -> None:
        _install(session)
        session.run("isdbench", *words, name, *session.posargs)

    session.__doc__ = f"{what} {name}; synthetic images and profile first by default."
    nox.session(session, name=name, default=False)


for _name in TABLE_NAMES:
    _measured(_name, ("run",), "Measure and print")

for _name in OWN_TABLES:  # tables of our own: nox -s hrf -- --root DIR
    _measured(_name, ("run", "--dataset", _name), "Measure and print")

for _name in FIGURES:
    _measured(_name, ("figure",), "Draw")
