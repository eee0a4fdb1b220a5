"""A Schema becomes a ChainSpec: order, family, predictors, priors; PyMC is never imported here."""
