"""Killed anywhere: steps of a small world killed at every named point and at random, run again, and compared."""
