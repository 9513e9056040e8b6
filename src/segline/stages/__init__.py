"""One file a Make target: each reads files, calls the pure rooms, writes one output."""
