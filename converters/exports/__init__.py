"""A dataset's items, one after the other, in forms that other tools read."""
