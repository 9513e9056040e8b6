"""`python -m segline`."""

from segline.base import make_watch, stopping


def main() -> None:
    """Run the command line; from here on a signal ends it in order."""
    stopping.guarded(_command_line)


def _command_line() -> None:
    make_watch.start()
    from segline import cli

    cli.main()


if __name__ == "__main__":
    main()
