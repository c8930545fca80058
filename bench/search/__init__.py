"""Pages of a large catalogue: how long one takes, on both databases."""
