"""What a report is written from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from posynth.copies.container import Copies
from posynth.evaluation.base import Comparison
from posynth.results import Result

if TYPE_CHECKING:
    from posynth.evaluation.inference import Agreement, Pooled


@dataclass(frozen=True)
class Inference:
    """One analyst's model.

    Attributes
    ----------
    analysis : str
        The model in words, or why there is none.
    by_default : bool
        Whether nobody named that model.
    pooled : Pooled, optional
        Inference from the copies.
    agreement : Agreement, optional
        The same compared with the original.
    """

    analysis: str
    by_default: bool = False
    pooled: "Pooled | None" = None
    agreement: "Agreement | None" = None


@dataclass(frozen=True)
class Findings:
    """Everything the page tells.

    Attributes
    ----------
    copies : Copies
        The copies, with posterior and manifest.
    comparison : Comparison
        The original beside them.
    results : tuple of Result
        Utility, advice and disclosure.
    inferences : tuple of Inference
        The analysts' models that were fitted.
    checks : tuple of Result
        Bayesian checks of the conditionals, subject the conditional.
    public : bool
        Whether to leave out what only the data holder may see.
    seed : int, optional
        Seed of the evaluation.
    """

    copies: Copies
    comparison: Comparison
    results: tuple[Result, ...]
    inferences: tuple[Inference, ...] = ()
    checks: tuple[Result, ...] = ()
    public: bool = False
    seed: int | None = None

    @property
    def proper(self) -> bool:
        """Whether every copy took its own posterior draw of every conditional."""
        return self.comparison.provenance.proper
