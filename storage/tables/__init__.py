"""The Parquet tables beside a dataset: what each item is, and where it came from."""
