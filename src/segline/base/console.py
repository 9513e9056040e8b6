"""Where stages print: a terminal of its own width, a log file of a fixed one."""

from rich.console import Console

LOG_COLUMNS = 120

console = Console(highlight=False, soft_wrap=False)
if not console.is_terminal:
    console = Console(highlight=False, width=LOG_COLUMNS)


def say(message: str) -> None:
    """Print a message on one line, however long, with names of files as they are."""
    console.print(message, soft_wrap=True, markup=False)
