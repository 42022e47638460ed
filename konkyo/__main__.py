"""``python -m konkyo``: the same as the ``konkyo`` command."""

from konkyo.ui.cli.main import main

if __name__ == "__main__":
    main()
