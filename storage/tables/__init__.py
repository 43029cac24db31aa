"""Parquet tables: one row per item (infoset), per category (attribset), per archive member (members)."""
