"""Which members make an item: pairing, joins, labels."""
