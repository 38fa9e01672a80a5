"""Who said it, and is it unchanged: suites, RFC 6962 trees, keys, envelopes. Pure."""
