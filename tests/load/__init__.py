"""Many clients at once, on servers in processes of their own: `make load`."""
