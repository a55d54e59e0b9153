"""Pairing: which models meet, in which seats, and which of them to have in memory for that.

`cycles` counts what is still to come, `rotation` says what to load next, `pairings` draws. Names
are all that is known here: no battles, no votes, no bytes.
"""
