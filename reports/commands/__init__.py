"""The commands of `mme-emotion`."""
