"""The ranges that scenes are drawn from, uniformly unless said otherwise."""

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.recipe import STRICT

Range = tuple[float, float]
Share = Annotated[float, Field(ge=0, le=1)]
Speed = Annotated[float, Field(gt=0, le=720)]
SnrDefinition = Literal["active", "file", "peak"]
FoaKind = Literal["ideal", "em32", "tetra"]
AmbienceKind = Literal["diffuse", "lobes", "wind", "rotors", "bed"]
PathKind = Literal["arc", "line"]


@settings(config=STRICT)
class Shell:
    """A sphere about the array, on a grid of which sources stand.

    Attributes
    ----------
    distance_m
        Its radius.
    elevation_deg
        Lowest and highest ring, both included.
    step_deg
        Degrees between rings, and between places on a ring.
    """

    distance_m: Annotated[float, Field(gt=0)]
    elevation_deg: Range
    step_deg: Annotated[float, Field(gt=0, le=90)] = 10.0


@settings(config=STRICT)
class MotionSettings:
    """Which sources move, and how.

    Attributes
    ----------
    share
        Share of events whose source moves.
    speeds_deg_s
        Speeds as seen from the array; one is drawn for each moving event.
    kinds
        `arc`: round the array at one distance and elevation; `line`: straight.
    array_speed_m_s
        Speed at which the array itself moves, straight ahead and level, as under a drone.
    array_turn_deg_s
        Speed at which it turns meanwhile, to either side.
    """

    share: Share = 0.0
    speeds_deg_s: Annotated[tuple[Speed, ...], Field(min_length=1)] = (10.0, 20.0, 40.0)
    kinds: Annotated[tuple[PathKind, ...], Field(min_length=1)] = ("arc", "line")
    array_speed_m_s: Range = (0.0, 0.0)
    array_turn_deg_s: Range = (0.0, 0.0)


@settings(config=STRICT)
class OutdoorSettings:
    """Scenes in the open air: direct sound, the ground, and now and then a wall.

    Attributes
    ----------
    share
        Share of scenes outdoors.
    ground
        Material of the ground (`simulation.materials`).
    height_m
        Height of the array.
    reflector_share
        Share of these scenes in which a wall stands somewhere.
    """

    share: Share = 0.0
    ground: str = "grass"
    height_m: Range = (1.0, 2.0)
    reflector_share: Share = 0.3


@settings(config=STRICT)
class SceneSettings:
    """Ranges from which scenes are drawn.

    Attributes
    ----------
    rate_hz
        Sampling rate.
    max_overlap
        How many events may sound at once: one of these, drawn for each scene.
    same_label_overlap
        Whether two events of one label may sound at once; class-wise targets cannot hold that.
    snr_db
        Level of the events over the ambience, drawn for each scene.
    snr_definition
        What it is a ratio of, always on the omnidirectional channel (FOA: W; capsules: their mean
        power). `active`: each event's power while it sounds over the ambience's mean power; `file`:
        energy of all events together over that of the ambience in the whole file, as the DCASE
        generators have it; `peak`: an event's largest sample over the ambience's rms.
    level_spread_db
        How far an event's level may lie from the scene's; kept within `snr_db`.
    t60_s, volume_m3
        Reverberation time (at 1 kHz) and volume of rooms.
    t60_slope
        Factor by which T60 changes from octave to octave upwards; drawn for each scene.
    rooms
        How many rooms the scenes share in turn; with 0 each scene has its own.
    distance_m
        Distance of the sources.
    shells
        Where given: sources stand on these grids, in place of `distance_m` and `elevation_deg`.
    event_s
        Longest piece cut from a long sound.
    pause_s
        Pause between the events of a track.
    elevation_deg
        Elevations of the sources as far as the room allows.
    anechoic_share
        Share of scenes with direct sound only.
    measured_share
        Share of scenes in measured rooms, where there are any.
    mono_share
        Share of scenes whose directional channels are silent, as a mono recording's are.
    extra_share
        Share of events whose label is none of the wanted ones, where the bank has others.
    extra_sir_db
        Level of the wanted events over the others, by the definition of the SNR; where left out
        the others are as loud as the wanted ones.
    clean_share
        Share of scenes with next to no ambience.
    empty_share
        Share of scenes without any event.
    gain_db
        Gain of the whole recording; lowered where it would clip.
    augment
        Change speed, tone and bandwidth of the clips.
    foa_encoders
        What FOA comes from, one drawn for each scene: `ideal`, or as the 32 capsules of an em32 or
        the four of the tetrahedron really give it, wrong above their aliasing limit.
    ambience
        Kinds of ambience, one drawn for each scene.
    motion, outdoors
        Moving sources and arrays; scenes in the open air.
    """

    rate_hz: Annotated[int, Field(ge=8_000, le=192_000)] = 16_000
    max_overlap: tuple[Annotated[int, Field(ge=1)], ...] = (1, 2, 3)
    same_label_overlap: bool = False
    snr_db: Range = (0.0, 30.0)
    snr_definition: SnrDefinition = "active"
    level_spread_db: Annotated[float, Field(ge=0)] = 5.0
    t60_s: Range = (0.15, 1.0)
    t60_slope: Range = (0.88, 1.0)
    volume_m3: Range = (25.0, 400.0)
    rooms: Annotated[int, Field(ge=0)] = 0
    distance_m: Range = (0.5, 5.0)
    shells: tuple[Shell, ...] = ()
    event_s: Annotated[float, Field(gt=0.1)] = 4.0
    pause_s: Range = (0.1, 2.0)
    elevation_deg: Range = (-50.0, 60.0)
    anechoic_share: Share = 0.05
    measured_share: Share = 1.0
    mono_share: Share = 0.15
    extra_share: Share = 0.0
    extra_sir_db: Range | None = None
    clean_share: Share = 0.03
    empty_share: Share = 0.05
    gain_db: Range = (-15.0, 10.0)
    augment: bool = True
    foa_encoders: Annotated[tuple[FoaKind, ...], Field(min_length=1)] = ("ideal",)
    ambience: Annotated[tuple[AmbienceKind, ...], Field(min_length=1)] = ("diffuse",)
    motion: MotionSettings = MotionSettings()
    outdoors: OutdoorSettings = OutdoorSettings()

    @model_validator(mode="after")
    def _ranges_run_upwards(self) -> "SceneSettings":
        for name in (
            "snr_db",
            "t60_s",
            "t60_slope",
            "volume_m3",
            "distance_m",
            "pause_s",
            "elevation_deg",
            "gain_db",
        ):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} must run from low to high, but {low}..{high} was given")
        if not self.max_overlap or min(self.max_overlap) < 1:
            raise ValueError(
                f"max_overlap must be numbers from 1, but {self.max_overlap} was given"
            )
        return self
