"""The whole story in a throwaway Kerberos realm: NFS copies go on while the server loses its contexts, then its life.

`python -m examples.demo` starts a KDC on loopback, an NFS server that drops contexts all the time, and four clients
that copy a real tree under krb5p. With copying under way it stops the KDC, destroys the credential caches, kills the
server with SIGKILL and starts it again. The clients recover by tickets; no call fails. Then it shows the same without
tickets. With `--workers 2` the server has two processes, which do not know each other's contexts; with `--etcd` its
keyring is in a real etcd.

Read `events`, what the processes tell; `client` and `server`, the processes; `stage`, which starts, watches and ends
them; `acts`, what happens; `accounting`, whether it was right; `report` and `picture`, how it looks.
"""

# Each file imports only from files above it.
READING_ORDER = (
    "events",
    "tree",
    "server",
    "client",
    "accounting",
    "stage",
    "acts",
    "report",
    "picture",
    "__main__",
)
