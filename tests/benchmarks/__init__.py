"""Timings of the main job, by one command: `make bench`."""
