"""Models on this machine's own devices: the checkpoint, the network, and the batches it is given."""
