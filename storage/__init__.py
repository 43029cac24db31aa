"""What is kept: formats, the pack encoder, the merge, and the tables."""
