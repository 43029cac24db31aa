"""What runs: worker processes, the journal, configuration and the command line."""
