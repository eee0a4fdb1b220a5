"""The report: results as tables and figures, on one page that needs nothing else."""
