"""Videos: their frames and sound come back, one is written whole or not at all, and refusals."""

from pathlib import Path

import av
import numpy as np
import pytest
from tests.core.films import film

from sonoscope.core import audio
from sonoscope.core.errors import InputError
from sonoscope.core.video import VideoWriter, frames, probe_video, write_sound

SOUND = 0.3 * np.sin(np.outer([0.01, 0.02, 0.03, 0.04], np.arange(24_000)))


def test_what_a_video_holds_is_told(tmp_path: Path) -> None:
    video = probe_video(film(tmp_path / "film.mkv", n_frames=5, sound=SOUND))
    assert video.size_px == (160, 120)
    assert video.frames_hz == 10.0
    assert (video.sound_hz, video.sound_channels) == (48_000, 4)
    assert [round(time, 6) for time, _ in frames(video)] == [0.0, 0.1, 0.2, 0.3, 0.4]


def test_all_channels_of_its_sound_come_back(tmp_path: Path) -> None:
    video = probe_video(film(tmp_path / "film.mkv", n_frames=5, sound=SOUND))
    write_sound(video, tmp_path / "sound.wav")
    recording = audio.read(tmp_path / "sound.wav")
    assert recording.rate_hz == 48_000
    np.testing.assert_allclose(recording.samples, SOUND, atol=1e-4)


def test_a_written_video_has_the_frames_that_were_given(tmp_path: Path) -> None:
    path = tmp_path / "new.mp4"
    given = [np.full((120, 160, 3), shade, np.uint8) for shade in (40, 120, 200)]
    with VideoWriter(path, (160, 120), 12.5) as writer:
        for frame in given:
            writer.write(frame)
    video = probe_video(path)
    assert video.frames_hz == 12.5
    for (_, frame), want in zip(frames(video), given, strict=True):
        assert abs(float(frame.mean()) - float(want.mean())) < 3
    assert [each.name for each in tmp_path.iterdir()] == ["new.mp4"]


def test_a_video_that_is_not_finished_leaves_nothing(tmp_path: Path) -> None:
    def broken_off() -> None:
        with VideoWriter(tmp_path / "new.mp4", (160, 120), 10.0) as writer:
            writer.write(np.zeros((120, 160, 3), np.uint8))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert list(tmp_path.iterdir()) == []


def test_a_video_without_sound_is_refused_where_sound_is_needed(tmp_path: Path) -> None:
    mute = probe_video(film(tmp_path / "mute.mkv", n_frames=2))
    with pytest.raises(InputError, match=r"mute.mkv: must have sound.*but the video has none"):
        write_sound(mute, tmp_path / "sound.wav")


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    audio.write(tmp_path / "sound.wav", audio.Recording(np.zeros((1, 800), np.float32), 8000))
    for name, line in (
        ("none.mp4", "there is none of that name"),
        ("text.mp4", "must be a video that can be read"),
        ("sound.wav", "holds no pictures"),
    ):
        with pytest.raises(InputError, match=line) as refusal:
            probe_video(tmp_path / name)
        assert name in str(refusal.value)
    assert av.library_versions  # what is tested here is the extra, not its absence
