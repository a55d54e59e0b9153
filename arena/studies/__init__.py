"""Studies: the experiment of a paper, from one file. Pages and commands are not known here."""
