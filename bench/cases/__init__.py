"""What is measured: one file a case."""
