"""What a diagnosis means to an engineer, and what to do next; careful about what sound can tell.

General knowledge of airborne-ultrasound inspections, in the words of this project. Nothing here
says how urgent a fault is: levels are uncalibrated and sound does not tell charge.
"""

from dataclasses import dataclass

from sonoscope.targets.diagnosis import Answer


@dataclass(frozen=True, slots=True)
class Advice:
    """What is said of one finding.

    Attributes
    ----------
    name
        In a headline.
    meaning
        What it usually is, in a sentence or two.
    steps
        What to do next, first things first.
    """

    name: str
    meaning: str
    steps: tuple[str, ...]


_TREND = (
    "Record again from the same spot, distance and gain, in dry and in damp weather, and compare "
    "the figures below: a rising trend counts, a single level does not."
)
_SECOND = (
    "Confirm by a second method before work is planned: ultraviolet camera, TEV, UHF or HFCT "
    "sensor, or a measurement to IEC 60270."
)

KINDS = {
    "corona": Advice(
        "corona",
        "Air breaks down at a sharp or thin edge under voltage. Pulses crowd about the crest of "
        "one half cycle. Outdoors often harmless for years, but it makes ozone and nitric acid, "
        "which age polymer insulation, and it disturbs radio.",
        (
            "Find the spot with a directional ultrasonic receiver or a daylight ultraviolet "
            "camera: loose strands, sharp fittings, missing corona rings, damaged sheds.",
            "Indoors or near solid insulation take it more seriously: look for white or green "
            "deposits and a smell of ozone.",
            _TREND,
            "Plan smoothing, cleaning or replacement for the next outage if it also shows in dry "
            "weather or grows.",
        ),
    ),
    "surface": Advice(
        "a surface discharge",
        "Discharges creep along an insulator's surface, driven by dirt, moisture or a damaged "
        "coating. Pulses fill the rising flanks of both half cycles, unevenly. It leaves "
        "conductive tracks and can end in a flashover.",
        (
            "Keep people at a distance until it is judged: tracking can end in a flashover.",
            "Look at the surfaces within view from a safe place: pollution, wet films, carbon "
            "tracks, cracked or chalked sheds, cable terminations.",
            _SECOND,
            "Record again within days, also in dry weather: activity that stays when dry points to "
            "lasting damage. Clean or replace in an outage.",
        ),
    ),
    "floating": Advice(
        "a floating part",
        "A metal part without a firm potential is charged and sparks over a small gap, each time "
        "at the same voltage: few pulses of nearly equal strength in both half cycles. Often a "
        "loose bolt, shield, spacer or clamp.",
        (
            "Look for loose or corroded metal near the loudest spot: bolts, shields, spacers, "
            "clamps, unearthed fences or sheets close to the line.",
            "Sparks erode metal and insulation, in enclosed gear (GIS, transformers) more "
            "dangerously than in air: there confirm by UHF at once.",
            _SECOND,
            "Tighten or bond in the next outage; listen again afterwards: it should be gone.",
        ),
    ),
    "internal": Advice(
        "an internal discharge",
        "Discharges in a void inside solid insulation: both half cycles alike, from before the "
        "zero crossing up the flank. Solid insulation holds most of this sound back, so through "
        "air it is rarely heard; treat the name with doubt.",
        (
            "Doubt it first: listen from other sides for a floating part or a surface discharge, "
            "which are far commoner in air.",
            "Measure with an electrical method (IEC 60270, HFCT on the earth lead, TEV or UHF), "
            "which sees voids better than sound does.",
            "If that confirms it, ask the maker or an expert: voids grow and do not heal.",
            _TREND,
        ),
    ),
    "particle": Advice(
        "a loose particle, or of loose metal or rain",
        "Clicks that keep no clock: a hopping particle, but just as well loose metal in the wind, "
        "rain, insects or gravel. Sound alone does not tell these apart.",
        (
            "Rule out what is near: rain, wind-blown metal, chains, birds, insects, footsteps.",
            "Listen again in calm, dry weather and from another side.",
            "In gas-insulated gear check for particles by UHF or an acoustic sensor on the tank.",
        ),
    ),
    "brush": Advice(
        "sparking in step with a machine, not with the mains",
        "Sparks or knocks at the pace of something that turns: brushes on a commutator or slip "
        "ring, a current collector at a worn joint.",
        (
            "Compare the clock named above with speeds nearby: revolutions a second times "
            "segments, bars or blades. Change the speed: it must follow.",
            "Inspect brushes, holders, rings and collector shoes for wear, dust and burns.",
            "If nothing turns nearby, look for converters: they switch at a pace of their own.",
        ),
    ),
}
"""By the names of kinds."""

UNKNOWN = Advice(
    "something that keeps the mains' clock, of an unclear kind",
    "Pulses keep the mains' clock, but their pattern is sure for no kind: two sources at once, a "
    "kind that was never learnt, echoes, or electronics that switch with the mains.",
    (
        "Rule out electronics nearby that click with the mains: LED and discharge lamps, dimmers, "
        "chargers, drives, thyristors.",
        "Record again, nearer and from other sides, ideally with a directional receiver, so that "
        "one source prevails.",
        "Treat it as a discharge until it is explained. " + _SECOND,
    ),
)

UNPHASED = Advice(
    "pulses without a clock: no sign of a discharge that mains drive",
    "Something clicks, but neither with the mains nor with a wheel: rain, loose metal, insects, "
    "knocks, or a loose particle. Sound alone does not tell these apart.",
    KINDS["particle"].steps,
)

NOTHING = Advice(
    "no discharge found",
    "Nothing in this recording stands out of the noise as discharges do. That is no proof that "
    "there are none: they may be too far, covered, silent in this weather, or below the noise.",
    (
        "Check that the recording could have held one: microphone that reaches 40 kHz, pointed at "
        "the object, near enough, gain not too low, nothing clipped.",
        "Where a discharge is suspected, record again nearer, longer, and in damp weather.",
        "Keep this recording as the baseline to compare later ones with.",
    ),
)

POSSIBLE_STEPS = (
    "Record the same spot again, a minute or longer and nearer if that is safe: what is real comes "
    "back.",
)

LIMITS = (
    "Levels are those of this recording: the microphone is not calibrated here, and distance, "
    "direction and weather are in them. They are no charge (pC) and no grade of danger.",
    "The phase has no reference: which half cycle is the positive one, and where the voltage "
    "crosses zero, is not in the sound. Patterns are drawn where their likeliest kind lies.",
    "Kinds were learnt from simulated discharges; no open recording of real ones in air was found. "
    "Confidence was made to fit simulated recordings, not those of your plant.",
    "A clock of the mains shows that something electrical is heard, not that it is a discharge: "
    "drives, chargers and lamps keep that clock too.",
)
"""What sonoscope cannot know; true of every page."""


NOUNS = {
    "corona": "corona",
    "surface": "surface discharge",
    "floating": "floating part",
    "internal": "internal discharge",
    "particle": "loose particle",
    "brush": "sparking machine",
}
"""Kinds as nouns."""


def advised(given: Answer) -> tuple[Advice, ...]:
    """Give the advice for an answer, the first finding first."""
    match given.status:
        case "found" | "possible":
            return tuple(KINDS.get(kind, UNKNOWN) for kind in given.kinds) or (UNKNOWN,)
        case "unknown":
            return (UNKNOWN,)
        case "unphased":
            return (UNPHASED,)
        case "nothing":
            return (NOTHING,)


def headline(given: Answer) -> str:
    """Give the answer in a line.

    Examples
    --------
    >>> headline(Answer("found", ("corona",), {"corona": 0.9}, {"corona": 5}, 9, False))
    'Signs of corona'
    >>> headline(Answer("nothing", (), {}, {}, 9, False))
    'No discharge found'
    """
    names = " and of ".join(advice.name for advice in advised(given))
    match given.status:
        case "found":
            told = f"signs of {names}"
        case "possible":
            told = f"possible signs of {names}, not sure"
        case "unknown" | "unphased" | "nothing":
            told = names
    return told[0].upper() + told[1:]
