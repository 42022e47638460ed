"""The doors people come through: command line and chat."""
