"""Structured additive regression: mean, spread and residual shape, sampled on many points at once."""
