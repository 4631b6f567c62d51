"""The training loop that all systems share: `train` is the entry, `loop` the loop, the other files serve them."""
