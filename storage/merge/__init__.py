"""The planned merge of packs and stores into one dataset."""
