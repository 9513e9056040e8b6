"""`python -m segline`."""

from segline.cli import main

if __name__ == "__main__":
    main()
