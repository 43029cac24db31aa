"""Items of a file, read fast and from any process: where every chunk lies is found once and travels with the reader."""
