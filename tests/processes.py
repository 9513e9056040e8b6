"""Processes that tests start in a group of their own."""

import os
import time


def group_has_ended(process, *, within_s=20):
    """Wait until no process of the group is left; False if some go on."""
    for _ in range(round(within_s / 0.1)):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
