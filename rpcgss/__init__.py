"""A user-space ONC RPC stack with RPCSEC_GSS and fast re-authentication."""
