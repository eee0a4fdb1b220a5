"""A small table of invented people, and the command line run inside the test process."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

SECRET_NAME = "Ottoline Quillfeather"
SECRET_INCOME = 987654.25
SECRET_KEY = "ZX-48213-QJ"
ROWS = 160


def invent(rows: int, seed: int) -> pd.DataFrame:
    """Return people with a number, a count, two labels, a date, holes, a key and free text."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, rows)
    edu = rng.choice(["low", "middle", "high"], rows, p=[0.5, 0.3, 0.2])
    bmi = np.round(22 + 0.05 * age + rng.normal(0, 3, rows), 1)
    smoke = np.where(rng.random(rows) < 1 / (1 + np.exp(0.03 * (age - 40))), "yes", "no")
    income = np.round(900 + 400 * (edu == "high") + rng.normal(0, 150, rows), 2)
    income[rng.random(rows) < 0.25] = np.nan
    income[7] = SECRET_INCOME
    visit = pd.Timestamp("2020-03-01") + pd.to_timedelta(rng.integers(0, 300, rows), "D")
    words = rng.choice(["tired", "well", "worried", "asked", "about", "sleep", "knee"], (rows, 6))
    remark = [f"{' '.join(w)} {i * 7919 % 1009}" for i, w in enumerate(words)]
    remark[11] = f"seen with {SECRET_NAME}"
    key = [f"ZX-{10007 * i % 90001 + 10000}-QJ" for i in range(rows)]
    key[3] = SECRET_KEY
    return pd.DataFrame(
        {
            "key": key,
            "age": age,
            "edu": edu,
            "bmi": bmi,
            "smoke": smoke,
            "income": income,
            "visit": visit.strftime("%Y-%m-%d"),
            "remark": remark,
        }
    )


@pytest.fixture(scope="session")
def people() -> pd.DataFrame:
    """The table as a data frame."""
    return invent(ROWS, 3)


@pytest.fixture(scope="session")
def secrets() -> tuple[str, ...]:
    """Values of single persons that must not be found anywhere."""
    return SECRET_NAME, str(SECRET_INCOME), SECRET_KEY


@pytest.fixture(scope="session")
def people_csv(people, tmp_path_factory):
    """The table as a CSV file."""
    path = tmp_path_factory.mktemp("people") / "people.csv"
    people.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def cli():
    """Run a command; a traceback fails the test, whatever the exit code it asks for."""
    from posynth.cli import app

    runner = CliRunner()

    def run(*arguments, code=0):
        result = runner.invoke(app, [str(a) for a in arguments])
        shown = f"{result.stdout}\n{result.stderr}"
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise AssertionError(shown) from result.exception
        assert result.exit_code == code, shown
        assert "Traceback" not in shown
        return result

    return run


@pytest.fixture(scope="session")
def said():
    """Give what a command printed as one line: the console folds long sentences."""

    def join(text: str) -> str:
        return " ".join(text.replace("│", " ").split())

    return join


@pytest.fixture(scope="session")
def output(cli, people_csv, tmp_path_factory):
    """An output folder of three copies, and what was printed."""
    folder = tmp_path_factory.mktemp("output") / "out"
    result = cli("synthesize", people_csv, "-m", 3, "--seed", 1, "--workers", 1, "-o", folder)
    return folder, result.stdout + result.stderr
