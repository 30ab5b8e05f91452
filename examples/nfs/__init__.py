"""A real NFS version 3 server for a directory (RFC 1813, with MOUNT version 3), and a client for it.

Read the server from `linux` down to `serve`: the system calls that Python lacks; handles and where they lead; the
files beneath the export; who may do what; the procedures; the command. Then the client, from `url` down to `commands`.
"""

# Each file imports only from files above it.
READING_ORDER = (
    "nfs3_xdr",
    "mount3_xdr",
    "output",
    # the server
    "linux",
    "identity",
    "handles",
    "index",
    "locks",
    "descriptors",
    "exports",
    "filesystem",
    "attributes",
    "operation",
    "looking",
    "changing",
    "directories",
    "admission",
    "server",
    "mount",
    "running",
    "work",
    "serve",
    # the client
    "url",
    "failures",
    "calls",
    "parallel",
    "client",
    "writeback",
    "transfer",
    "local",
    "copy",
    "journal",
    "connect",
    "show",
    "commands",
    "__main__",
)
