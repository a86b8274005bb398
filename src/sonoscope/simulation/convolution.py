"""A dry sound through a response, block by block where that is quicker (overlap-add)."""

import torch
from jaxtyping import Float
from torch import Tensor

_LEAST_BLOCK = 1 << 14


def quick_size(length: int) -> int:
    """Give the next size whose Fourier transform is quick: 2^n, or 5/8 or 3/4 of one."""
    power = 1 << (length - 1).bit_length()
    return next(size for size in (power * 5 // 8, power * 3 // 4, power) if size >= length)


def convolve(
    sound: Float[Tensor, " sample"], response: Float[Tensor, "channel tap"]
) -> Float[Tensor, "channel wet"]:
    """Convolve, as long as it lasts: nothing of a reverberant end is cut."""
    length, taps = len(sound) + response.shape[-1] - 1, response.shape[-1]
    block = max(_LEAST_BLOCK, 1 << int(2.5 * taps).bit_length())
    size = quick_size(length)
    if block >= size:
        spectrum = torch.fft.rfft(sound, n=size) * torch.fft.rfft(response, n=size)
        whole: Tensor = torch.fft.irfft(spectrum, n=size)[:, :length]
        return whole
    step = block - taps + 1
    count = -(-len(sound) // step)
    pieces = torch.nn.functional.pad(sound, (0, count * step - len(sound))).view(count, step)
    spectra = torch.fft.rfft(pieces, n=block)[None] * torch.fft.rfft(response, n=block)[:, None]
    heard = torch.fft.irfft(spectra, n=block)
    wet = sound.new_zeros(len(response), count * step + taps - 1)
    wet[:, : count * step].view(len(response), count, step).copy_(heard[:, :, :step])
    for i in range(count):
        wet[:, (i + 1) * step : (i + 1) * step + taps - 1] += heard[:, i, step:]
    return wet[:, :length]
