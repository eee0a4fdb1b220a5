"""Structured additive regression of mean and spread, sampled at many points at once."""
