"""Sessions: `nox -s table1` measures and prints Table 1, `nox -s tests` runs the tests, `nox -l` lists all.

What follows `--` goes to the tool: `nox -s table1 -- --profile lite --device cuda`.
"""

from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "tests"]

CODE = ("benchmark", "baselines", "isdnet", "results", "reports", "tests", "noxfile.py")


@nox.session
def tests(session: nox.Session) -> None:
    """All tests."""
    session.install("-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff: format and rules."""
    session.install("ruff>=0.6,<0.18")
    session.run("ruff", "format", "--check", *CODE)
    session.run("ruff", "check", *CODE)


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict, on our packages."""
    session.install("-e", ".[dev]")
    session.run("mypy")


@nox.session(default=False)
def speed(session: nox.Session) -> None:
    """Speed of the hot paths, each as a ratio to a reference in the same process."""
    session.install("-e", ".[dev]")
    session.run("pytest", "tests/perf", "--benchmark-enable", "--benchmark-json=out/speed.json", *session.posargs)


@nox.session(default=False)
def report(session: nox.Session) -> None:
    """Write the tables from the records made so far."""
    session.install("-e", ".")
    session.run("isdbench", "report", *session.posargs)


@nox.session(default=False, venv_backend="uv", python="3.10")
def lowest(session: nox.Session) -> None:
    """The tests on the lowest supported version of everything."""
    session.install("--resolution", "lowest-direct", "-e", ".[dev]")
    session.run("pytest", *session.posargs)


def _table(name: str) -> None:
    """Register the session of one of the paper's tables."""

    def session(session: nox.Session) -> None:
        session.install("-e", ".")
        session.run("isdbench", "run", name, *session.posargs)

    session.__doc__ = f"Measure and print the paper's {name}: synthetic world, smoke profile by default."
    nox.session(session, name=name, default=False)


for _file in sorted((Path(__file__).parent / "results" / "paper").glob("table*.csv")):
    _table(_file.stem)
