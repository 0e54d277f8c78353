"""The numbers of splitmix64: a counter that grows by odd numbers, and a finalizer that mixes its 64 bits."""

MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
SHIFTS = (30, 27, 31)
# The counter's step, and a second one, that of the generators seeded by splitmix64 in xoshiro's reference.
PER_DRAW = 0x9E3779B97F4A7C15
PER_TOKEN = 0xD1342543DE82EF95
# So many of the 64 bits become a number between 0 and 1: with one half added they still fit into a double.
DIGITS = 52
