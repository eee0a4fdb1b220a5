"""posynth: proper synthetic copies of a confidential table, and what they are good for."""

__version__ = "0.1.0"
