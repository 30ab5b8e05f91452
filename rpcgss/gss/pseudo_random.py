"""GSS_Pseudo_random (RFC 4401) through ctypes, on a context that another owner has exported.

The exported octets are imported here, asked, and the import is deleted; whoever exported the context imports it again.
"""

import ctypes
from typing import Final

from rpcgss.gss.errors import GssError
from rpcgss.gss.gss_xdr import GSS_S_COMPLETE, GSS_S_FAILURE, GSS_S_UNAVAILABLE

GSS_C_PRF_KEY_FULL: Final = 0


class PseudoRandomLibrary:
    """The functions that python-gssapi lacks, found through its extension module at `path`: the library that it has
    loaded, and no other. Raises `GssError` where they are missing."""

    def __init__(self, path: str) -> None:
        try:
            self._bind(ctypes.CDLL(path))
        except (OSError, AttributeError) as error:
            raise GssError(GSS_S_UNAVAILABLE, 0, "this GSS library has no GSS_Pseudo_random") from error

    def _bind(self, library: ctypes.CDLL) -> None:
        number, pointer = ctypes.c_uint32, ctypes.c_void_p
        minor, buffer = ctypes.POINTER(number), ctypes.POINTER(_GssBuffer)
        self._import = library.gss_import_sec_context
        self._import.argtypes = (minor, buffer, ctypes.POINTER(pointer))
        self._pseudo_random = library.gss_pseudo_random
        self._pseudo_random.argtypes = (minor, pointer, ctypes.c_int, buffer, ctypes.c_ssize_t, buffer)
        self._delete = library.gss_delete_sec_context
        self._delete.argtypes = (minor, ctypes.POINTER(pointer), buffer)
        self._release = library.gss_release_buffer
        self._release.argtypes = (minor, buffer)
        for function in (self._import, self._pseudo_random, self._delete, self._release):
            function.restype = number

    def pseudo_random(self, exported: bytes, label: bytes, length: int) -> bytes:
        """Raises `GssError`; leaves nothing behind."""
        minor, context = ctypes.c_uint32(), ctypes.c_void_p()
        major = self._import(minor, _GssBuffer.of(exported), context)
        if major != GSS_S_COMPLETE:
            raise GssError(major, minor.value, "the context cannot be imported for GSS_Pseudo_random")
        try:
            return self._ask(context, label, length)
        finally:
            self._delete(minor, context, None)

    def _ask(self, context: ctypes.c_void_p, label: bytes, length: int) -> bytes:
        minor, output = ctypes.c_uint32(), _GssBuffer()
        major = self._pseudo_random(minor, context, GSS_C_PRF_KEY_FULL, _GssBuffer.of(label), length, output)
        if major != GSS_S_COMPLETE:
            raise GssError(major, minor.value, "the mechanism has no GSS_Pseudo_random")
        try:
            octets = ctypes.string_at(output.value or 0, output.length)
        finally:
            self._release(minor, output)
        if len(octets) != length:
            raise GssError(GSS_S_FAILURE, 0, "GSS_Pseudo_random gave another length than asked")
        return octets


class _GssBuffer(ctypes.Structure):
    _fields_ = (("length", ctypes.c_size_t), ("value", ctypes.c_void_p))

    @classmethod
    def of(cls, octets: bytes) -> "_GssBuffer":
        """Points into `octets`, which the caller keeps."""
        return cls(len(octets), ctypes.cast(ctypes.c_char_p(octets), ctypes.c_void_p))
