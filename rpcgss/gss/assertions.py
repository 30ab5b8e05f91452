"""What a client of version 3 asserts beside who it is (RFC 7861, 2.7.1.3 and 2.7.1.4): security labels and structured
privileges. What they mean is the application's business at either end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from rpcgss.gss.gss_xdr import (
    rgss3_assertion_u,
    rgss3_assertion_u_LABEL,
    rgss3_assertion_u_PRIVS,
    rgss3_label,
    rgss3_lfs,
    rgss3_list_item_u,
    rgss3_list_item_u_LABEL,
    rgss3_list_item_u_PRIVS,
    rgss3_privs,
)


@dataclass(frozen=True, slots=True)
class Label:
    """A label in the format `lfs_id`, by the policy `policy_id` (numbers of IANA's registry, RFC 7569)."""

    lfs_id: int
    policy_id: int
    label: bytes = b""


@dataclass(frozen=True, slots=True)
class Privilege:
    """A privilege called `name`; `privilege` is encoded as the application that defines it says, and may be secret."""

    name: str
    privilege: bytes = field(default=b"", repr=False)


Assertion: TypeAlias = Label | Privilege


@dataclass(frozen=True, slots=True)
class Listed:
    """What a server knows (RPCSEC_GSS_LIST): formats of labels, and kinds of privileges, each without content."""

    labels: Sequence[Label] = ()
    privileges: Sequence[Privilege] = ()


def encode_assertion(assertion: Assertion) -> rgss3_assertion_u:
    """As it travels."""
    if isinstance(assertion, Label):
        return rgss3_assertion_u_LABEL(_label(assertion))
    return rgss3_assertion_u_PRIVS(_privilege(assertion))


def decode_assertion_untrusted(assertion: rgss3_assertion_u) -> Assertion | None:
    """None: it is of a kind that nobody knows here. Raises `ValueError` of a privilege that is badly named."""
    match assertion:
        case rgss3_assertion_u_LABEL():
            return _read_label(assertion.rau_label)
        case rgss3_assertion_u_PRIVS():
            return _read_privilege(assertion.rau_privs)
    return None


def encode_listed(listed: Listed) -> tuple[rgss3_list_item_u_LABEL, rgss3_list_item_u_PRIVS]:
    """As it travels."""
    return (
        rgss3_list_item_u_LABEL([_label(label) for label in listed.labels]),
        rgss3_list_item_u_PRIVS([_privilege(privilege) for privilege in listed.privileges]),
    )


def decode_listed_untrusted(items: Sequence[rgss3_list_item_u]) -> Listed:
    """Items of unknown kinds are passed over. Raises `ValueError` of a privilege that is badly named."""
    labels: list[Label] = []
    privileges: list[Privilege] = []
    for item in items:
        match item:
            case rgss3_list_item_u_LABEL():
                labels += [_read_label(label) for label in item.rli_labels]
            case rgss3_list_item_u_PRIVS():
                privileges += [_read_privilege(privilege) for privilege in item.rli_privs]
    return Listed(tuple(labels), tuple(privileges))


def _label(label: Label) -> rgss3_label:
    return rgss3_label(rgss3_lfs(label.lfs_id, label.policy_id), label.label)


def _read_label(label: rgss3_label) -> Label:
    return Label(label.rl_lfs.rlf_lfs_id, label.rl_lfs.rlf_pi_id, label.rl_label)


def _privilege(privilege: Privilege) -> rgss3_privs:
    """RFC 7861, 2.7.1.4, speaks of one name, but declares `utf8str_cs rp_name<>`, which is an array of strings: the
    XDR is what others compile, so the name travels as an array of one."""
    return rgss3_privs([privilege.name.encode()], privilege.privilege)


def _read_privilege(privilege: rgss3_privs) -> Privilege:
    if len(privilege.rp_name) != 1:
        raise ValueError(f"a privilege of {len(privilege.rp_name)} names")
    return Privilege(privilege.rp_name[0].decode(), privilege.rp_privilege)
