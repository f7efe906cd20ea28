"""The memory of devices, and errors that torch raises about them. Torch is imported where it is used."""

import gc

LOST = ("CUDA error", "HIP error", "device-side assert", "unspecified launch failure")
FULL = ("out of memory", "can't allocate memory", "ALLOC_FAILED")


def unused(place: int) -> int:
    """Bytes of a GPU's memory that are free, or reserved by this process and not in use."""
    import torch

    cuda = torch.cuda
    return int(cuda.mem_get_info(place)[0] + cuda.memory_reserved(place) - cuda.memory_allocated(place))


def taken(place: int) -> int:
    """The peak of this process's memory on a GPU since the last reset, beyond what it holds now, in bytes."""
    import torch

    return int(torch.cuda.max_memory_allocated(place) - torch.cuda.memory_allocated(place))


def free_devices() -> None:
    """Frees the memory of devices that is no longer used."""
    import torch

    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def out_of_memory(error: Exception) -> str | None:
    """The message of an error about too little memory; None for other errors."""
    import torch

    message = first_line(error)
    is_full = isinstance(error, torch.OutOfMemoryError | MemoryError) or any(words in message for words in FULL)
    return message if is_full else None


def is_device_lost(error: Exception) -> bool:
    """Whether the error means that the device is lost for this process: such errors recur until the process ends."""
    import torch

    return isinstance(error, torch.AcceleratorError) or any(words in str(error) for words in LOST)


def first_line(error: BaseException) -> str:
    """The type and the first line of the message of an error's first cause, in at most about 300 characters."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:300].rstrip('.')}"
