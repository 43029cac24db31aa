"""HDF5: datasets laid out for the tools that read nothing else, and the way back."""
