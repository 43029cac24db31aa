"""What a dataset holds: statistics, distributions, memberships, queries, plots; chunk by chunk."""
