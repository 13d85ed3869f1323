"""What a run meets outside: the devices that are there, the processes that torchrun started, Ctrl-C."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist


def pick_device(name: str) -> torch.device:
    """The device of this name; "auto" takes a CUDA GPU, else Apple's, else the CPU.

    Raises:
        ValueError: a device that is not there, with the remedy.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"unknown device {name!r}: choose 'auto', 'cpu', 'cuda' or 'mps'") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device is {name!r} but there is no CUDA GPU here: choose 'auto' or 'cpu'")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device is {name!r} but there is no Apple GPU here: choose 'auto' or 'cpu'")
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    return device


def join_workers(device: str) -> None:
    """Meet the other processes that torchrun has started: over NCCL between GPUs, else over gloo."""
    from torch.distributed import PrefixStore  # pyright: ignore[reportPrivateImportUsage]
    from torch.distributed.rendezvous import rendezvous

    on_cuda = pick_device(device).type == "cuda"
    if on_cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    store, rank, size = next(rendezvous("env://"))
    if os.environ["LOCAL_WORLD_SIZE"] == os.environ["WORLD_SIZE"]:
        # torchrun keeps its store when it restarts workers; a prefix hides the addresses of the dead ones.
        # Only on one machine, for each machine counts its own restarts.
        store = PrefixStore(f"life {os.environ['TORCHELASTIC_RESTART_COUNT']}", store)
    dist.init_process_group("nccl" if on_cuda else "gloo", store=store, rank=rank, world_size=size)


@contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """Within, a first Ctrl-C sets the event, so that the step under way ends; a second one stops at once.

    Only in a main thread, which alone gets signals, and in a process of its own: processes
    that stopped at different steps would wait for each other for ever.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread() or dist.is_initialized():
        yield stop
        return
    previous = signal.getsignal(signal.SIGINT)

    def ask(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, previous)
