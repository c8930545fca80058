"""The tests. `harness` holds what several of them share; docs/testing.md says what runs where."""
