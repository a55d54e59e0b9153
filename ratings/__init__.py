"""Ratings from pairwise votes: arrays and frames in, arrays and frames out.

Nothing here knows a web page, a database or a GPU. Importing the package compiles nothing and
reads no file: start with `ratings.votes.Votes.from_frame`, end with
`ratings.leaderboard.leaderboard`; each number in between has its own module.
"""
