"""Stores behind the Store protocol."""
