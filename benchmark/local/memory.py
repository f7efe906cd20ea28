"""What torch says of a device's memory, and of what went wrong there. Torch is imported where it is used."""

import gc

LOST = ("CUDA error", "HIP error", "device-side assert", "unspecified launch failure")
FULL = ("out of memory", "can't allocate memory", "ALLOC_FAILED")


def unused(place: int) -> int:
    """Bytes of a GPU that nobody holds, or that this process holds and does not use."""
    import torch

    cuda = torch.cuda
    return int(cuda.mem_get_info(place)[0] + cuda.memory_reserved(place) - cuda.memory_allocated(place))


def taken(place: int) -> int:
    """Bytes that this process has had at most on a GPU since it was last reset, beyond what it has now."""
    import torch

    return int(torch.cuda.max_memory_allocated(place) - torch.cuda.memory_allocated(place))


def free_devices() -> None:
    """Gives back what nobody uses any more."""
    import torch

    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def out_of_memory(error: Exception) -> str | None:
    """What the error says of the memory that is missing; None where it is about something else."""
    import torch

    said = first_line(error)
    told = any(words in said for words in FULL)
    return said if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or told else None


def is_device_lost(error: Exception) -> bool:
    """Whether the device answers this process nothing any more: such errors stay until the process ends."""
    import torch

    return isinstance(error, torch.AcceleratorError) or any(words in str(error) for words in LOST)


def first_line(error: BaseException) -> str:
    """What the first cause of an error says, with its kind."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:300].rstrip('.')}"
