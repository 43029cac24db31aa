"""Archives and folders as streams of members; nothing is unpacked to disk."""
