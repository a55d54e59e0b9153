"""A server that shows every battle at the pace of English, whatever its script.

`benchmarks.timing` runs against it to show that its classifiers find a pace that is wrong in one
script only. It is the product's own server with one difference. Nothing of the product knows of it.
"""

import arena.battle.responding
from arena.__main__ import main
from serving.duet import Pace
from serving.tempo import Tempo


class OnePace(Tempo):
    """Does not look at the prompt."""

    def pace(self, prompt: str = "") -> Pace:
        """Return the pace of battles in English."""
        del prompt
        return super().pace()


if __name__ == "__main__":
    vars(arena.battle.responding)["Tempo"] = OnePace
    main()
