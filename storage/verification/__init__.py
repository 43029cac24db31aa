"""Checks of zarrpack's own files: every byte of a zip, every chunk of an array, every page of a table."""
