"""The sample business: one small module per backend, arrays inside, files as backends ship them outside.

Everything is a pure function of the settings, and a day's files of the settings and the day alone: every random
number comes from a generator keyed by what it is for and the day, or from a hash of the ids concerned. That is why
days can be written by several processes, in any order, or only some of them, with the same bytes.
"""
