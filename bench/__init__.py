"""Measurements: each figure compares ours with a peer or a limit, from the same run."""
