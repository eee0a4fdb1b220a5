"""Facts a family declares about itself, so that a chain can be checked without PyMC."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from posynth.table.schema import Kind

type Option = float | tuple[float, ...]

NUMERIC = frozenset({Kind.CONTINUOUS, Kind.COUNT, Kind.DATE})
CATEGORICAL = frozenset({Kind.BINARY, Kind.NOMINAL, Kind.ORDINAL})


@dataclass(frozen=True)
class FamilyFacts:
    """What a family is, in data.

    Attributes
    ----------
    name : str
        The name used in chain files.
    kinds : frozenset of Kind
        Kinds of column it can model.
    summary : str
        The model in one line, for tables and ``describe``.
    priors : Mapping
        Name of each prior it offers -> its scales by name, with their default values. The first
        is the default prior.
    response : str
        ``"standardised"`` (y minus mean over sd), ``"natural"`` or ``"codes"`` (level index).
    design : str
        ``"standardised"`` (main effects or a formula, columns scaled), ``"grouped"`` (the same
        behind the index of the row's group) or ``"cells"`` (one indicator for every combination
        of the predictors' levels), ``"structured"`` (blocks whose coefficients share a scale) or
        ``"restricted"`` and ``"bounded"`` (as standardised, behind indicators of the levels, or the
        two bounds, that rules leave in each row) or ``"tilted"`` (as standardised, behind the
        indicators of ``chain.corrections``) or ``"interval"`` (as standardised, with a response
        that may be known up to intervals).
    exact : str
        Name of the exact sampler of its posterior, or ``""``.
    exact_priors : tuple of str
        The priors under which that sampler holds.
    exact_slopes : int
        Slopes that vary between groups, up to which it holds.
    stated_priors : tuple of str
        The priors under which a user may state the prior of a single coefficient.
    contrasts : bool
        Whether each level of the target but one has coefficients of its own.
    sampler : str
        Name of a sampler of its own in ``engines.choose`` that ``"auto"`` tries first, or ``""``.
    sampler_priors : tuple of str
        The priors under which that sampler holds; all if none is named.
    sampler_slopes : int
        Slopes that vary between groups, up to which it is tried.
    chain : str
        Name of its own Markov chain in ``engines.choose``, or ``""``.
    proper : bool
        Whether a draw carries parameter uncertainty; if not, it must be asked for by
        ``improper = true``.
    noisy : bool
        Whether rows vary about their mean; where they do not, no combining rule holds.
    copies_values : bool
        Whether posterior and copies hold values of the source; it must be asked for by
        ``copies_values = true``.
    fitted_by : str
        How parameters are found where no engine does it (``"bootstrap"`` ...), or ``""``.
    instead : str
        For a family that must be asked for: the one to prefer, and why.
    support : str
        Values it gives positive density, a name in ``posterior.support.SUPPORTS``.
    options : Mapping of str to float
        What a conditional may state about the form of the family (bounds, number of trials, ...),
        with the default values; None where there is no default.
    """

    name: str
    kinds: frozenset[Kind]
    summary: str
    priors: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: {"own": {}})
    response: str = "codes"
    design: str = "standardised"
    exact: str = ""
    exact_priors: tuple[str, ...] = ()
    exact_slopes: int = 0
    stated_priors: tuple[str, ...] = ()
    contrasts: bool = False
    sampler: str = ""
    sampler_priors: tuple[str, ...] = ()
    sampler_slopes: int = 2
    chain: str = ""
    proper: bool = True
    noisy: bool = True
    copies_values: bool = False
    fitted_by: str = ""
    instead: str = ""
    support: str = "real"
    options: Mapping[str, Option | None] = field(default_factory=dict)

    @property
    def default_prior(self) -> str:
        """Name of the prior used where none is asked for."""
        return next(iter(self.priors))

    def samples(self, prior: str, slopes: int) -> bool:
        """Whether its own sampler is for this prior and so many varying slopes."""
        suits = not self.sampler_priors or prior in self.sampler_priors
        return bool(self.sampler) and suits and slopes <= self.sampler_slopes

    def inexact(self, prior: str, slopes: int = 0) -> str:
        """Say why draws under a prior, with so many varying slopes, are not exact; or ``""``."""
        if prior not in self.exact_priors:
            having = ", ".join(map(repr, self.exact_priors))
            under = f" under prior {prior!r} (it has one under {having})" if having else ""
            return f"has no exact posterior{under}"
        few = slopes <= self.exact_slopes
        return "" if few else f"has no exact posterior with more than {self.exact_slopes} slope"
