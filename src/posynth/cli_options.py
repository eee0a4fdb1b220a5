"""Options that say what a chain is to be, shared by every verb that makes one."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posynth.errors import SpecError
from posynth.terminal import names

if TYPE_CHECKING:
    from posynth.posterior.bound import Chain
    from posynth.table.frame import Table
    from posynth.table.reading import Options


class EngineName(StrEnum):
    """Engines by name."""

    AUTO = "auto"
    EXACT = "exact"
    LAPLACE = "laplace"
    HMC = "hmc"
    NUTS = "nuts"


Order = Annotated[
    str, typer.Option("--order", help="Columns to visit first: a,b,c; or 'auto', by rule.")
]
Method = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        help="COLUMN=NAME or COLUMN=NAME(OPTION=NUMBER, ...): a family, or a method of mice or "
        "synthpop (`posynth methods`).",
    ),
]
Formula = Annotated[
    list[str] | None,
    typer.Option("--formula", help="COLUMN=FORMULA, as 'bmi=. + age:sex'; . is all before it."),
]
Predictors = Annotated[
    Path | None,
    typer.Option("--predictors", help="CSV file of 0 and 1: which column may predict which."),
]
Strata = Annotated[
    str,
    typer.Option(
        "--strata",
        help="Column within whose levels straight lines (and spreads that differ) are fitted.",
    ),
]
Improper = Annotated[
    bool, typer.Option("--improper", help="Allow families that are not proper (plug-in, means).")
]
CopiesValues = Annotated[
    bool,
    typer.Option("--copies-values", help="Allow families that copy values of the source (pmm)."),
]
Passive = Annotated[
    list[str] | None,
    typer.Option(
        "--passive", help="COLUMN=RULE that computes it, as 'bmi=weight / (height / 100) ** 2'."
    ),
]
Rule = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        help="What holds in every row, as 'discharge >= admission', 'brand is missing if smoke == "
        "\"never\"' or 'town within region'; may be repeated.",
    ),
]
NoRule = Annotated[
    list[str] | None,
    typer.Option(
        "--no-rule",
        help="A rule seen in the data that is not to be kept, as describe writes it; or 'all'.",
    ),
]
Lower = Annotated[
    list[str] | None,
    typer.Option("--lower", help="COLUMN=NUMBER, below which no copy goes; COLUMN=none: no bound."),
]
Upper = Annotated[
    list[str] | None,
    typer.Option("--upper", help="COLUMN=NUMBER, above which no copy goes; COLUMN=none: no bound."),
]
Violations = Annotated[
    float | None,
    typer.Option("--violations", min=0, max=1, help="Share of rows in which a rule need not hold."),
]
AllowCode = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        help="Run Python files that a chain, study or stored posterior names (file.py:function); "
        "read them first.",
    ),
]
KindOption = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        help="COLUMN=KIND, over the guess, or COLUMN=ordinal(low<mid<high); may be repeated.",
    ),
]
Na = Annotated[
    list[str] | None,
    typer.Option(
        "--na",
        metavar="CODES",
        help="Values that are missing: -9,99,? in every column, or COLUMN=-9,-8 in one; may be "
        "repeated.",
    ),
]
Comment = Annotated[
    str | None, typer.Option("--comment", help="Leave out lines that begin with this, as '#'.")
]
Decimal = Annotated[
    str | None, typer.Option("--decimal", help="Decimal mark, . or , where the file shows none.")
]
Thousands = Annotated[
    str | None, typer.Option("--thousands", help="Mark between thousands: , . ' or a blank.")
]
SkipRows = Annotated[
    int | None,
    typer.Option("--skip-rows", min=0, help="Lines before the header; 0: line 1 is the header."),
]
ChainFile = Annotated[Path | None, typer.Option("--chain", help="A chain file to follow.")]
EngineOption = Annotated[EngineName, typer.Option("--engine", help="Engine of every fit.")]
Missing = Annotated[
    str, typer.Option("--missing", help="'pattern' reproduces holes, 'error' refuses them.")
]

Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace another run in the output folder, and what is about it."
    ),
]

OverwriteFile = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace files of these names that posynth did not write (its own are replaced "
        "anyhow); never the source, a chain or a part of a run.",
    ),
]

AllowFailed = Annotated[
    bool,
    typer.Option(
        "--allow-failed",
        help="End with exit code 0, not 3, if a conditional did not pass its diagnostics.",
    ),
]


@dataclass(frozen=True)
class Asked:
    """What was asked of the chain, in words still; ``plan`` reads them."""

    wishes: dict[str, Any] = field(default_factory=dict)
    chain: Path | None = None
    method: list[str] | None = None
    formula: list[str] | None = None
    kind: list[str] | None = None
    passive: list[str] | None = None
    violations: float | None = None
    na: list[str] | None = None
    file: "Options | None" = None
    lower: list[str] | None = None
    upper: list[str] | None = None

    def inputs(self, data: Path) -> "list[Path | None]":
        """Return the files that are read: they must not be written over."""
        return [data, self.chain, self.wishes.get("predictors")]

    def plan(self, data: Path) -> "tuple[Table, Chain]":
        """Return the table and the chain bound to it.

        Raises
        ------
        PosynthError
            If an option cannot be read, or the chain cannot be fitted.
        """
        from posynth.posterior.plan import plan
        from posynth.posterior.wishes import Wishes
        from posynth.table.reading import as_reading

        methods = pairs(self.method, "--method")
        formulas = pairs(self.formula, "--formula", "bmi=. + age:sex", first=True)
        rules = pairs(self.passive, "--passive", "total=a + b", first=True)
        share = self.violations
        passive = rules if share is None else {name: (rule, share) for name, rule in rules.items()}
        bounds = {"lower": _ends(self.lower, "--lower"), "upper": _ends(self.upper, "--upper")}
        columns: dict[str, Any] = {
            "methods": methods,
            "formulas": formulas,
            "passive": passive,
            **bounds,
        }
        wishes = Wishes(**columns, **self.wishes)
        kinds = pairs(self.kind, "--kind", "zip=nominal")
        reading = as_reading(codes(self.na), self.file)
        return plan(data, wishes, self.chain, kinds, reading)


def asked(  # noqa: PLR0913, PLR0917 - options of a command
    order: Order = "",
    method: Method = None,
    predictors: Predictors = None,
    formula: Formula = None,
    strata: Strata = "",
    improper: Improper = False,
    copies_values: CopiesValues = False,
    passive: Passive = None,
    violations: Violations = None,
    rule: Rule = None,
    no_rule: NoRule = None,
    lower: Lower = None,
    upper: Upper = None,
    kind: KindOption = None,
    na: Na = None,
    comment: Comment = None,
    decimal: Decimal = None,
    thousands: Thousands = None,
    skip_rows: SkipRows = None,
    chain: ChainFile = None,
    engine: EngineOption = EngineName.AUTO,
    missing: Missing = "pattern",
    allow_code: AllowCode = False,
) -> Asked:
    """Pack the options; their declarations are those of every command that takes them."""
    wishes = {
        "order": "auto" if order.strip() == "auto" else names(order),
        "predictors": predictors,
        "strata": strata,
        "improper": improper,
        "copies_values": copies_values,
        "engine": engine.value,
        "missing": missing,
        "allow_code": allow_code,
        "rules": tuple(rule or ()),
        "no_rules": tuple(no_rule or ()),
    }
    file: Options = {}
    for name, given in (("comment", comment), ("decimal", decimal), ("thousands", thousands)):
        if given is not None:
            file[name] = given  # type: ignore[literal-required]
    if skip_rows is not None:
        file["skip_rows"] = skip_rows
    return Asked(wishes, chain, method, formula, kind, passive, violations, na, file, lower, upper)


def _ends(values: list[str] | None, option: str) -> dict[str, float | None]:
    """Read COLUMN=NUMBER options; ``none`` is None."""
    found: dict[str, float | None] = {}
    for column, text in pairs(values, option, "age=0").items():
        try:
            found[column] = None if text.lower() == "none" else float(text)
        except ValueError:
            raise SpecError(
                f"{option} {column}={text}: {text!r} is no number; write COLUMN=NUMBER, for "
                "example age=0, or COLUMN=none for no bound"
            ) from None
    return found


def takes_chain(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of ``asked``, packed into its parameter of that name."""
    own = inspect.signature(command).parameters
    shared = inspect.signature(asked).parameters

    def packed(**given: Any) -> None:
        options = {name: given.pop(name, p.default) for name, p in shared.items()}
        command(**given, asked=asked(**options))

    parameters = [p for name, p in own.items() if name != "asked"]
    parameters = [
        p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*parameters, *shared.values())
    ]
    packed.__name__, packed.__doc__ = command.__name__, command.__doc__
    packed.__annotations__ = {p.name: p.annotation for p in parameters}
    setattr(packed, "__signature__", inspect.Signature(parameters))  # noqa: B010 - not declared
    return packed


def codes(values: list[str] | None) -> dict[str, list[str]]:
    """Read --na: codes of every column, under the name "", or COLUMN=CODES of one.

    Examples
    --------
    >>> codes(["-9,?", "income=-8"])
    {'': ['-9', '?'], 'income': ['-8']}
    """
    found: dict[str, list[str]] = {}
    for value in values or ():
        column, _, listed = value.rpartition("=")
        given = [code.strip() for code in listed.split(",") if code.strip()]
        if not given:
            raise SpecError(
                f"--na {value!r}: write it as CODES or COLUMN=CODES, for example --na -9,99 or "
                "--na income=-9,-8"
            )
        found.setdefault(column, []).extend(given)
    return found


#: Option -> what stands after COLUMN=, where it is no name.
_FORMS = {
    "--formula": "FORMULA", "--passive": "RULE", "--kind": "KIND",
    "--lower": "NUMBER", "--upper": "NUMBER", "--delta": "NUMBER", "--selection": "NUMBER",
}  # fmt: skip


def pairs(
    values: list[str] | None, option: str, example: str = "bmi=gaussian", first: bool = False
) -> dict[str, str]:
    """Split COLUMN=VALUE options at the last sign of equality, or the first."""
    found = {}
    for value in values or ():
        options = re.fullmatch(r"(.+)(=)([\w.]+\([^()]*\))", value)
        column, sign, chosen = value.partition("=") if first else value.rpartition("=")
        if options and not first:
            column, sign, chosen = options.groups()
        if not sign or not column or not chosen:
            what = _FORMS.get(option, "NAME")
            raise SpecError(f"{option} {value!r}: write it as COLUMN={what}, for example {example}")
        found[column] = chosen
    return found
