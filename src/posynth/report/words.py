"""Sentences of the report that do not depend on the results."""

PUBLIC = (
    "This is the public version: it shows no table, picture or number computed row by row from the "
    "confidential rows, no distribution, correlation or estimate of the original, no measure "
    "of disclosure, no scale of a prior and no value of a diagnostic. What remains of the "
    "original are its sizes, the declared levels, which families and predictors were chosen, "
    "bands of standardised measures of misfit (S) of columns and pairs, and mean log scores of a "
    "holdout if there was one."
)
PRIVATE = (
    "This page shows the original beside its copies and is for the data holder. A page that can be "
    "released is written with --public."
)
MODELLED = (
    "The joint distribution of the table is a chain of conditionals, each a Bayesian model. Every "
    "copy took one draw from the posterior of each conditional, and then its rows from the models "
    "with these parameters."
)
NOT_PROPER = (
    "Some conditionals give draws that carry no parameter uncertainty: the copies are not proper, "
    "and rules for proper copies do not apply to them."
)
COPIED = (
    "Some conditionals store values of the original and copy them, as was asked for. Posterior and "
    "copies are then as confidential as those columns are."
)
DIAGNOSED = "Whether the posterior of each conditional was explored well enough to draw from."
USEFUL = (
    "How like the original the copies are, where they are not, and which conditional to change. "
    "No copy is good for everything: look at the columns and pairs an analysis will use."
)
RISKY = (
    "What an intruder could learn. Each measure rates one kind of intruder, and a low value rules "
    "out only that one. None is a proof of safety, and none is differential privacy."
)
RISK_LEFT_OUT = (
    "Measures of disclosure compare copies with single confidential records, so they are left out "
    "of the public version. The data holder has them."
)
INFERRED = (
    "A model fitted to every copy, pooled by the rule that fits how the copies were made. "
    "Uncertainty taken from a single copy as if it were real data would be too small."
)
DEFAULT_MODEL = (
    "Nobody named a model, so this one was taken from the chain as an example; give "
    "--model and --formula to see the one that matters."
)
EXAMPLE_MODEL = "This model was taken from the chain as an example of how copies are pooled."
HOLES = (
    "Where missing values are reproduced, leaving out rows with them can bias a model: impute "
    "several times inside each copy (--impute), unless leaving them out does no harm."
)
LIMITS = (
    "A passed diagnostic says that the posterior was computed well. It does not say that the model "
    "is right: utility and the checks of the conditionals do, as far as they look.",
    "S at its ideal says that one margin, pair or score fits as well as a right model would make "
    "it. Three columns together, rare groups and tails can still be off.",
    "Agreement of one pooled model with the original vouches for that model and for terms the "
    "chain can express. An interaction that no conditional has is not in the copies.",
    "Intervals cover as stated if the chain contains the analyst's model, or one larger, and if "
    "rows with missing values that a model leaves out differ from others in its predictors only.",
    "No copied row does not mean that no row is nearly copied; averages over people say little "
    "about one outlying person.",
    "Attribution and singling out depend on the keys: an intruder who knows more than the keys "
    "named here learns more.",
    "Each further copy and each further release from the same source tells more about it. The "
    "numbers here speak of these copies only.",
)
_SCORES = "of the scores of a model that tells synthetic from original rows ({})"
_RATIO = "{} over its expectation under a right model; 1 is ideal, 3 a limit"


def _scored(kind: str) -> dict[str, str]:
    scores = _SCORES.format(kind)
    raw = {
        f"pMSE_{kind}": f"Mean squared distance {scores} from the share of synthetic rows.",
        f"SPECKS_{kind}": f"Largest gap between the distributions {scores}.",
        f"PO50_{kind}": f"Per cent of rows told apart beyond the 50 % of guessing, {scores}.",
        f"U_{kind}": f"Pairs of rows in which the synthetic one has the higher score ({kind}).",
    }
    return raw | {f"S_{name}": _RATIO.format(name) + "." for name in raw}


MEANINGS = {
    "S_pMSE": (
        "Chi-squared of a table of one or two columns, original against copies, over its "
        "expectation under a right model (numeric columns are cut at quintiles); 1 is ideal, 3 a "
        "limit."
    ),
    **_scored("logit"),
    **_scored("cart"),
    "KS": "Largest gap between the distribution functions of a column.",
    "S_KS": _RATIO.format("KS") + ".",
    "Hellinger": "Hellinger distance of the distributions of a column: 0 is the same, 1 disjoint.",
    "S_Hellinger": _RATIO.format("Hellinger distance") + ".",
    "correlation difference": "Correlation in the copies less that in the original.",
    "PE_ulsif": "Pearson divergence by a density ratio; its limit comes from permutations.",
    "new combinations": (
        "Per cent of synthetic rows with a combination of two columns that no original row has; "
        "the limit is what a fresh sample would show."
    ),
    "rows against rules": "Rows a copy that contradict a rule of the chain; there must be none.",
    "kinds of missing values": (
        "Chi-squared of the table of kinds of missing values, original against copies, over its "
        "expectation under a right model; 1 is ideal, 3 a limit."
    ),
    "log score": "Mean log predictive density of holdout rows, in nats a row.",
    "log score gain": "Log score less that of columns independent of each other; above 0 is good.",
    "attribute risk": (
        "Mean probability of a record's true value for an intruder who knows all other records, "
        "the rest of this one, the model and the copies."
    ),
    "attribute risk gain": "Largest rise of that probability by the copies, over the records.",
    "KL_kliep": "Kullback-Leibler divergence by a density ratio; its limit comes likewise.",
}
