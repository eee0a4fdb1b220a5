"""Fitted conditionals: draws as an xarray DataTree, one group each, on disk without any row."""
