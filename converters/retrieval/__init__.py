"""Finds and fetches what is in ``.h5``, ``.data`` and ``.dataset`` files, alike."""
