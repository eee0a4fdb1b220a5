"""Which conditionals did not pass their diagnostics, why, and which columns that concerns."""

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posynth.chain.spec import ChainSpec
from posynth.errors import DiagnosticWarning
from posynth.posterior.record import Posterior

UNKNOWN = "the reason is not part of this manifest: ask the holder of the data"


@dataclass(frozen=True)
class FailedConditional:
    """A conditional whose posterior draws did not pass, or are too few for the copies drawn.

    Attributes
    ----------
    target : str
        The conditional: a column, or the missingness indicator of one.
    reasons : tuple of str
        What is not within its limit, each with value and limit.
    affects : tuple of str
        Columns whose distribution in the copies depends on it: its own column, those whose
        conditionals read that column (in a formula, as predictor, stratum or group), those that
        read these, and so on. Columns visited before it are not affected: drawn from their own
        conditionals, they have the same distribution whatever comes later.
    """

    target: str
    reasons: tuple[str, ...]
    affects: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.target}: {'; '.join(self.reasons)}"

    @property
    def remedy(self) -> str:
        """What to do about it."""
        if all("a copy of" in reason for reason in self.reasons):
            return f"fit {self.target!r} again with the number of copies that are drawn (m, -m)"
        return (
            f"fit {self.target!r} with fewer predictors, a tighter prior or another family (see "
            "`posynth methods`)"
        )


def failures(posterior: Posterior, m: int = 0) -> list[FailedConditional]:
    """Return the conditionals that did not pass, in visit order.

    Parameters
    ----------
    posterior : Posterior
        A fitted chain.
    m : int
        Copies to draw: 20 effective draws a copy make copies independent. 0 for the number the
        chain was fitted for.

    Returns
    -------
    list of FailedConditional
        Empty if all passed.
    """
    found = {t: link.diagnosis.failures(m) for t, link in posterior.links.items()}
    spec = posterior.spec
    return [FailedConditional(t, texts, _affects(spec, t)) for t, texts in found.items() if texts]


def failed_conditionals(manifest: Mapping[str, Any]) -> list[FailedConditional]:
    """Return the conditionals that did not pass, as a manifest states them, in visit order.

    Parameters
    ----------
    manifest : Mapping
        A manifest, as `Copies.manifest` returns it or ``manifest.json`` holds it; of a public one,
        which has no reasons, the conditionals are returned with a sentence that says so.

    Returns
    -------
    list of FailedConditional
        Empty if all passed.

    Examples
    --------
    >>> manifest = {"failed": {"age": ["ESS 63 < 400"]}, "failed_affects": {"age": ["age", "bmi"]}}
    >>> [(str(each), each.affects) for each in failed_conditionals(manifest)]
    [('age: ESS 63 < 400', ('age', 'bmi'))]
    """
    reasons = manifest.get("failed", {})
    affects = manifest.get("failed_affects", {name: (name,) for name in reasons})
    return [
        FailedConditional(name, tuple(reasons.get(name, (UNKNOWN,))), tuple(columns))
        for name, columns in affects.items()
    ]


def concerning(
    failed: Sequence[FailedConditional], columns: Collection[str]
) -> list[FailedConditional]:
    """Return those on which the distribution of some of these columns depends."""
    return [each for each in failed if set(each.affects) & set(columns)]


def note(failed: FailedConditional, columns: Collection[str]) -> str:
    """Say in one sentence what did not pass, and which columns of an analysis depend on it."""
    used = [name for name in failed.affects if name in columns]
    depend = ", ".join(map(repr, used[:5])) + (f" and {len(used) - 5} more" if used[5:] else "")
    own = "" if used == [failed.target] else f", on which {depend} depend{'s' * (len(used) == 1)},"
    return (
        f"the conditional of {failed.target!r}{own} did not pass its diagnostics "
        f"({'; '.join(failed.reasons)}), so its draws may not be those of the posterior; "
        f"{failed.remedy}"
    )


def warn(failed: Sequence[FailedConditional], what: str, stacklevel: int = 3) -> None:
    """Warn of conditionals that did not pass, if there are any.

    Parameters
    ----------
    failed : sequence of FailedConditional
        Those that did not pass.
    what : str
        What rests on them, as ``"copies drawn from them"``.
    stacklevel : int
        As for `warnings.warn`, seen from this function.
    """
    if not failed:
        return
    number = f"{len(failed)} conditional{'s' * (len(failed) > 1)}"
    lines = [f"{each} ({each.remedy})" for each in failed]
    text = f"{number} did not pass the diagnostics; {what} may be wrong:\n  " + "\n  ".join(lines)
    warnings.warn(text, DiagnosticWarning, stacklevel=stacklevel)


def _affects(spec: ChainSpec, target: str) -> tuple[str, ...]:
    """Return the columns whose distribution depends on one conditional, in visit order.

    The joint distribution is the product of p(x_j | what x_j is given). Integrated over the columns
    that come later, that of earlier columns holds no factor of a later one, so that these are not
    affected. A later column is affected if it is given an affected one: its own conditional may be
    right, but it is drawn at wrong values. Only what a formula, a list of predictors, strata or
    groups name counts as given, not every column visited before.
    """
    reached = {spec[target].column}
    for conditional in spec:
        given = spec.given(conditional.target)
        about = {spec[name].column if name in spec.targets else name for name in given}
        if reached & about:
            reached.add(conditional.column)
    return tuple(name for name in spec.columns if name in reached)
