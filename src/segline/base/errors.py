"""The error a user sees as one line."""

from __future__ import annotations


class UserError(Exception):
    """A fault in what the user gave: what, where, expected, found, what to do, in one line.

    The command line prints the message without a traceback and exits with status 2.
    """
