"""Items: which members belong together, what code and name each has, and what is said of it."""
