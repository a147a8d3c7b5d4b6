"""A page and an HTTP API on this machine: submit files, watch them being judged, read what came of them."""
