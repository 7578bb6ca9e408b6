"""The `claynet` command: chooses ports and worlds, and calls the rest."""
