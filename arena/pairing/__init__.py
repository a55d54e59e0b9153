"""Pairing: which models meet, in which seats, and which of them to have in memory for that.

`cycles` counts what is still to come, `past` says where that stands after a restart, `rotation`
says what to load next, `pairings` draws. Names are all that is known here, and what happened to
them in which order: no texts, no raters, no bytes.
"""
