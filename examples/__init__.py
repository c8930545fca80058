"""Programs that embed us, each short enough to read in a minute. Run them as `python -m examples.NAME`."""
