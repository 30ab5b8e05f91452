"""Kerberos' cryptography, from MIT's libk5crypto through ctypes: all encryption types that the library has.

No Kerberos library for Python has the types of RFC 8009. What is used here has long been part of the library's
interface; none of it looks at its krb5_context, so there is none.
"""

import ctypes
from functools import cache
from typing import Final

from rpcgss.capture.errors import CaptureError
from rpcgss.capture.keytab import Key

LIBRARY: Final = "libk5crypto.so.3"
MAX_PSEUDO_RANDOM: Final = 1 << 16


class BadDecryption(CaptureError):
    """What was encrypted does not open with this key (wrong key, or changed octets), or the library lacks its type."""


class KerberosCrypto:
    """The library's functions. Raises `CaptureError` where there is no such library."""

    def __init__(self) -> None:
        try:
            self._bind(ctypes.CDLL(LIBRARY))
        except (OSError, AttributeError) as error:
            raise CaptureError(f"a keytab is of use only with MIT krb5's {LIBRARY} (package libk5crypto3)") from error

    def _bind(self, library: ctypes.CDLL) -> None:
        context, usage, octets = ctypes.c_void_p, ctypes.c_int32, ctypes.POINTER(_Data)
        key = ctypes.POINTER(_Keyblock)
        self._decrypt = library.krb5_c_decrypt
        self._decrypt.argtypes = (context, key, usage, octets, ctypes.POINTER(_Encrypted), octets)
        self._verify = library.krb5_c_verify_checksum
        valid = ctypes.POINTER(ctypes.c_uint)
        self._verify.argtypes = (context, key, usage, octets, ctypes.POINTER(_Checksum), valid)
        self._prf_length = library.krb5_c_prf_length
        self._prf_length.argtypes = (context, ctypes.c_int32, ctypes.POINTER(ctypes.c_size_t))
        self._prf = library.krb5_c_prf
        self._prf.argtypes = (context, key, octets, octets)
        self._name = library.krb5_enctype_to_name
        self._name.argtypes = (ctypes.c_int32, ctypes.c_uint, ctypes.c_char_p, ctypes.c_size_t)
        for function in (self._decrypt, self._verify, self._prf_length, self._prf, self._name):
            function.restype = ctypes.c_int32

    def decrypt(self, key: Key, usage: int, ciphertext: bytes) -> bytes:
        """The plaintext (some types leave padding behind it). Raises `BadDecryption`."""
        room = ctypes.create_string_buffer(len(ciphertext) + 1)
        output = _Data(length=len(ciphertext), data=ctypes.cast(room, ctypes.c_void_p))
        sealed = _Encrypted(enctype=key.enctype, ciphertext=_Data.of(ciphertext))
        if self._decrypt(None, _Keyblock.of(key), usage, None, sealed, output):
            raise BadDecryption("the decryption failed: another key, or octets that were changed")
        return room.raw[: output.length]

    def verify(self, key: Key, usage: int, kind: int, message: bytes, checksum: bytes) -> bool:
        """Whether this is the checksum of type `kind` over the message."""
        given = _Checksum(checksum_type=kind, length=len(checksum), contents=checksum)
        valid = ctypes.c_uint()
        return not self._verify(None, _Keyblock.of(key), usage, _Data.of(message), given, valid) and bool(valid.value)

    def pseudo_random(self, key: Key, label: bytes, length: int) -> bytes:
        """GSS_Pseudo_random of a context with this key (RFC 4402). Raises `CaptureError`."""
        size = ctypes.c_size_t()
        if self._prf_length(None, key.enctype, size) or not size.value or length > MAX_PSEUDO_RANDOM:
            raise CaptureError(f"encryption type {key.enctype} has no pseudo-random function")
        blocks = b""
        for number in range(-(-length // size.value)):
            room = ctypes.create_string_buffer(size.value)
            output = _Data(length=size.value, data=ctypes.cast(room, ctypes.c_void_p))
            if self._prf(None, _Keyblock.of(key), _Data.of(number.to_bytes(4) + label), output):
                raise CaptureError("the pseudo-random function failed")
            blocks += room.raw
        return blocks[:length]

    def name(self, enctype: int) -> str:
        """What people call an encryption type."""
        text = ctypes.create_string_buffer(100)
        failed = self._name(enctype, 0, text, len(text))
        return f"enctype {enctype}" if failed else text.value.decode("ascii", "replace")


@cache
def kerberos_crypto() -> KerberosCrypto:
    """The library, loaded once. Raises `CaptureError`."""
    return KerberosCrypto()


class _Data(ctypes.Structure):
    """krb5_data. Points into the octets that it is made of, and keeps them."""

    _fields_ = (("magic", ctypes.c_int32), ("length", ctypes.c_uint), ("data", ctypes.c_void_p))

    @classmethod
    def of(cls, octets: bytes) -> "_Data":
        room = ctypes.create_string_buffer(octets, len(octets) + 1)
        made = cls(length=len(octets), data=ctypes.cast(room, ctypes.c_void_p))
        made._room = room
        return made

    _room: object


class _Keyblock(ctypes.Structure):
    """krb5_keyblock."""

    _fields_ = (
        ("magic", ctypes.c_int32),
        ("enctype", ctypes.c_int32),
        ("length", ctypes.c_uint),
        ("contents", ctypes.c_char_p),
    )

    @classmethod
    def of(cls, key: Key) -> "_Keyblock":
        return cls(enctype=key.enctype, length=len(key.octets), contents=key.octets)


class _Encrypted(ctypes.Structure):
    """krb5_enc_data."""

    _fields_ = (
        ("magic", ctypes.c_int32),
        ("enctype", ctypes.c_int32),
        ("kvno", ctypes.c_uint),
        ("ciphertext", _Data),
    )


class _Checksum(ctypes.Structure):
    """krb5_checksum."""

    _fields_ = (
        ("magic", ctypes.c_int32),
        ("checksum_type", ctypes.c_int32),
        ("length", ctypes.c_uint),
        ("contents", ctypes.c_char_p),
    )
