"""Programs and procedures that are known by name."""

from typing import Final

_NULL: Final = ("NULL",)
_PORTMAP: Final = (*_NULL, "SET", "UNSET", "GETPORT", "DUMP", "CALLIT")
_RPCBIND_3: Final = (*_NULL, "SET", "UNSET", "GETADDR", "DUMP", "CALLIT", "GETTIME", "UADDR2TADDR", "TADDR2UADDR")
_RPCBIND_4: Final = (*_RPCBIND_3, "GETVERSADDR", "INDIRECT", "GETADDRLIST", "GETSTAT")
# fmt: off
_NFS_2: Final = (
    *_NULL, "GETATTR", "SETATTR", "ROOT", "LOOKUP", "READLINK", "READ", "WRITECACHE", "WRITE", "CREATE", "REMOVE",
    "RENAME", "LINK", "SYMLINK", "MKDIR", "RMDIR", "READDIR", "STATFS",
)
_NFS_3: Final = (
    *_NULL, "GETATTR", "SETATTR", "LOOKUP", "ACCESS", "READLINK", "READ", "WRITE", "CREATE", "MKDIR", "SYMLINK",
    "MKNOD", "REMOVE", "RMDIR", "RENAME", "LINK", "READDIR", "READDIRPLUS", "FSSTAT", "FSINFO", "PATHCONF", "COMMIT",
)
_MOUNT: Final = (*_NULL, "MNT", "DUMP", "UMNT", "UMNTALL", "EXPORT")
_NLM: Final = (
    *_NULL, "TEST", "LOCK", "CANCEL", "UNLOCK", "GRANTED", "TEST_MSG", "LOCK_MSG", "CANCEL_MSG", "UNLOCK_MSG",
    "GRANTED_MSG", "TEST_RES", "LOCK_RES", "CANCEL_RES", "UNLOCK_RES", "GRANTED_RES",
)
_NLM_3: Final = (*_NLM, *_NULL * 4, "SHARE", "UNSHARE", "NM_LOCK", "FREE_ALL")
_YP: Final = (
    *_NULL, "DOMAIN", "DOMAIN_NONACK", "MATCH", "FIRST", "NEXT", "XFR", "CLEAR", "ALL", "MASTER", "ORDER", "MAPLIST",
)
_RQUOTA: Final = (*_NULL, "GETQUOTA", "GETACTIVEQUOTA", "SETQUOTA", "SETACTIVEQUOTA")
# fmt: on

_PROGRAMS: Final[dict[int, tuple[str, dict[int, tuple[str, ...]]]]] = {
    100000: ("PORTMAP", {2: _PORTMAP, 3: _RPCBIND_3, 4: _RPCBIND_4}),
    100003: ("NFS", {2: _NFS_2, 3: _NFS_3, 4: ("NULL", "COMPOUND")}),
    100004: ("YP", {2: _YP}),
    100005: ("MOUNT", {1: _MOUNT, 2: (*_MOUNT, "EXPORTALL", "PATHCONF"), 3: _MOUNT}),
    100011: ("RQUOTA", {1: _RQUOTA, 2: _RQUOTA}),
    100021: ("NLM", {1: _NLM, 3: _NLM_3, 4: _NLM_3}),
    100024: ("NSM", {1: (*_NULL, "STAT", "MON", "UNMON", "UNMON_ALL", "SIMU_CRASH", "NOTIFY")}),
    100227: ("NFSACL", {2: (*_NULL, "GETACL", "SETACL", "GETATTR", "ACCESS"), 3: (*_NULL, "GETACL", "SETACL")}),
    100232: ("SADMIND", {}),
    2112: ("KADM", {}),
    0x40000000: ("NFS4_CALLBACK", {1: ("CB_NULL", "CB_COMPOUND"), 4: ("CB_NULL", "CB_COMPOUND")}),
}


def known_name(program: int, version: int, procedure: int) -> str | None:
    """Such as ``NFSv3 LOOKUP``, if there is such a name. Procedure 0 is NULL everywhere (RFC 5531, 12.1)."""
    name, versions = _PROGRAMS.get(program, (None, {}))
    procedures = versions.get(version, _NULL)
    return f"{name}v{version} {procedures[procedure]}" if name and procedure < len(procedures) else None


def number_name(program: int, version: int, procedure: int) -> str:
    """What to call a procedure that has no name."""
    return f"program {program} v{version} {f'procedure {procedure}' if procedure else 'NULL'}"
