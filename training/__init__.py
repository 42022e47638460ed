"""Trains the reader that Konkyo ships; not part of the package and not installed with it."""
