"""How items are shared out to subsets: stratified, by group, stable, in folds."""
