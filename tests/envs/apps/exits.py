"""Ends when it is imported."""

import sys

sys.stderr.write("cannot start: the moon is full\n")
sys.exit(3)
