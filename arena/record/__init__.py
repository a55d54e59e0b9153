"""The record: what is on the disk, how it gets there and how it is read; no row is ever deleted.

`store` is the only writer: on a `database`, through the one thread of `writer`, with rows that
`casting`, `entering` and `ahead` make. `tables` and `migrations` say what a row is. `showing` reads
one battle; `logquery` and `logtail` read all votes. Who may do what, and what a page shows, is not
known here.
"""
