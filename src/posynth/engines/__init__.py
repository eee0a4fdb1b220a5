"""Engines turn a PyMC model and data into posterior draws: exact, laplace, nuts; chosen by auto."""
