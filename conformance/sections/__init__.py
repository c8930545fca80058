"""The checks, one file per section of the specification."""
