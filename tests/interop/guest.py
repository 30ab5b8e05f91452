"""A virtual machine that is a Linux NFS client: what tools/guest has made, and what one run adds to it."""

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import trio

HERE: Final = Path(__file__).parent
IMAGE: Final = HERE.parents[1] / ".guest"
GATEWAY: Final = "10.0.2.2"
"""Loopback of this machine, as the guest sees it."""

# Plain emulation: slow, and the same everywhere. Its cmpxchg16b is not to be trusted.
QEMU: Final = (
    *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
    *("-m", "256", "-accel", "tcg", "-cpu", "max,-cx16", "-device", "virtio-rng-pci"),
    *("-netdev", "user,id=net,ipv6=off", "-device", "virtio-net-pci,netdev=net,romfile="),
)
KERNEL_PARAMETERS: Final = "console=ttyS0 panic=-1 oops=panic random.trust_cpu=on net.ifnames=0 mitigations=off quiet"


async def run_guest(directory: Path, settings: Mapping[str, str], files: Mapping[str, bytes], timeout: float) -> str:
    """Boot it and let it do its work; returns what it said on the console. `directory` holds what is made for it.

    settings -- variables for guest/init and guest/work
    files    -- for /job, by name
    Raises AssertionError with the console's last words unless the work came to a good end within `timeout` seconds.
    """
    assert (IMAGE / "initrd").exists(), "the guest is missing: tools/guest"
    await trio.to_thread.run_sync(_add_job, directory, settings, files)
    console = directory / "console"
    boot = ["-kernel", f"{IMAGE}/vmlinuz", "-initrd", f"{directory}/initrd", "-append", KERNEL_PARAMETERS]
    with trio.move_on_after(timeout):
        # Cancelled, it is ended.
        await trio.run_process([*QEMU, *boot, "-serial", f"file:{console}"])
    said = console.read_text(errors="replace")
    assert "guest: exit 0" in said, said[-6000:]
    return said


def _add_job(directory: Path, settings: Mapping[str, str], files: Mapping[str, bytes]) -> None:
    """An initrd may be several archives, one after the other; each begins at a multiple of four."""
    job = directory / "root/job"
    job.mkdir(parents=True)
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()]
    (job / "settings").write_text("".join(lines))
    (job / "work").write_bytes((HERE / "guest/work").read_bytes())
    for name, data in files.items():
        (job / name).write_bytes(data)
        # alice reads hers, too
        (job / name).chmod(0o644)
    archive = subprocess.run(
        "find job | cpio -o -H newc -R 0:0 --quiet",
        shell=True,
        cwd=directory / "root",
        stdout=subprocess.PIPE,
        check=True,
    )
    image = (IMAGE / "initrd").read_bytes()
    (directory / "initrd").write_bytes(image + bytes(-len(image) % 4) + archive.stdout)
