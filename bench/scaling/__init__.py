"""What other machines would carry, from what this one measured: `python -m bench.scaling --help`."""
