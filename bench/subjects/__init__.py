"""The programs that are measured: ours, the peers, the floors; and how one is started and ended."""
