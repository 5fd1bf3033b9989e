"""The steps of Nightshift that SQL cannot do: one small module each, run through ``./nightshift``."""
