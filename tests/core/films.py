"""Small films with plain frames and, if asked for, sound of several channels."""

from pathlib import Path

import av
import numpy as np
from jaxtyping import Float
from numpy import ndarray

GREY = 100
RATE_HZ = 48_000
_PACKET = 4800


def film(
    path: Path,
    n_frames: int = 10,
    size_px: tuple[int, int] = (160, 120),
    sound: Float[ndarray, "4 sample"] | None = None,
) -> Path:
    """Write a grey film of ten frames a second."""
    with av.open(str(path), "w") as container:
        shown = container.add_stream("mpeg4", rate=10)
        shown.width, shown.height = size_px
        shown.pix_fmt = "yuv420p"
        heard = None
        if sound is not None:
            heard = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="quad")
        grey = np.full((size_px[1], size_px[0], 3), GREY, np.uint8)
        for _ in range(n_frames):
            container.mux(shown.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(shown.encode())
        if sound is not None and heard is not None:
            whole = np.rint(32767 * sound).astype(np.int16)
            for start in range(0, whole.shape[1], _PACKET):
                piece = np.ascontiguousarray(whole[:, start : start + _PACKET].T).reshape(1, -1)
                packet = av.AudioFrame.from_ndarray(piece, format="s16", layout="quad")
                packet.sample_rate, packet.pts = RATE_HZ, start
                container.mux(heard.encode(packet))
            container.mux(heard.encode())
    return path
