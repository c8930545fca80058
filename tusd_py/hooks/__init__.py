"""tusd's hooks, version 2: programs and receivers, asked before something happens and told after."""
