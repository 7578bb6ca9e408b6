"""The ports of the real world that need no peer: actors on threads, the wall clock, outside work, randomness."""
