"""What surfaces swallow: published random-incidence absorption coefficients by octave.

From 125 Hz upward; the last figure holds for all octaves above, where nothing was measured.

References: M. Vorländer, Auralization, Springer 2008, Annex (rooms); C. M. Harris (ed.), Handbook
of Noise Control, McGraw-Hill 1979 (grass, soil, gravel, sand, snow, water). Both collect
reverberation-room measurements after ISO 354 or its forerunners.
"""

from types import MappingProxyType

from sonoscope.core.errors import SettingError

Surface = str | tuple[float, ...]
"""The name of a material, or absorption coefficients by octave from 125 Hz upward."""

MATERIALS = MappingProxyType(
    {
        "hard_wall": (0.02, 0.02, 0.03, 0.03, 0.04, 0.05, 0.05),
        "brick": (0.03, 0.03, 0.03, 0.04, 0.05, 0.07, 0.07),
        "painted_brick": (0.01, 0.01, 0.02, 0.02, 0.02, 0.02, 0.02),
        "concrete": (0.01, 0.01, 0.02, 0.02, 0.02, 0.05, 0.05),
        "rough_concrete": (0.02, 0.03, 0.03, 0.03, 0.04, 0.07, 0.07),
        "ceramic_tiles": (0.01, 0.01, 0.01, 0.02, 0.02, 0.02, 0.02),
        "gypsum_board": (0.15, 0.1, 0.06, 0.04, 0.04, 0.05, 0.05),
        "wood_panel": (0.27, 0.23, 0.22, 0.15, 0.1, 0.07, 0.06),
        "wood_floor": (0.18, 0.12, 0.1, 0.09, 0.08, 0.07, 0.07),
        "linoleum": (0.02, 0.03, 0.03, 0.03, 0.03, 0.02),
        "thin_carpet": (0.02, 0.04, 0.08, 0.2, 0.35, 0.4),
        "carpet": (0.03, 0.09, 0.2, 0.54, 0.7, 0.72, 0.72),
        "curtain": (0.05, 0.12, 0.35, 0.45, 0.38, 0.36, 0.36),
        "heavy_curtain": (0.3, 0.45, 0.65, 0.56, 0.59, 0.71, 0.71),
        "glass": (0.08, 0.04, 0.03, 0.03, 0.02, 0.02, 0.02),
        "double_glazing": (0.15, 0.05, 0.03, 0.03, 0.02, 0.02, 0.02),
        "door": (0.14, 0.1, 0.06, 0.08, 0.1, 0.1, 0.1),
        "acoustic_tile": (0.49, 0.53, 0.53, 0.75, 0.92, 0.99),
        "perforated_gypsum": (0.45, 0.55, 0.6, 0.9, 0.86, 0.75),
        "mineral_wool": (0.22, 0.6, 0.92, 0.9, 0.88, 0.88, 0.88),
        "wooden_chairs": (0.05, 0.08, 0.1, 0.12, 0.12, 0.12),
        "audience": (0.24, 0.4, 0.78, 0.98, 0.96, 0.87, 0.87),
        "asphalt": (0.02, 0.03, 0.03, 0.03, 0.03, 0.02),
        "grass": (0.11, 0.26, 0.6, 0.69, 0.92, 0.99),
        "soil": (0.15, 0.25, 0.4, 0.55, 0.6, 0.6),
        "gravel": (0.25, 0.6, 0.65, 0.7, 0.75, 0.8),
        "sand": (0.15, 0.35, 0.4, 0.5, 0.55, 0.8),
        "snow": (0.45, 0.75, 0.9, 0.95, 0.95, 0.95),
        "water": (0.008, 0.008, 0.013, 0.015, 0.02, 0.025),
    }
)


def absorption_of(surface: Surface) -> tuple[float, ...]:
    """Give the absorption coefficients of a surface by octave, however many are known.

    Raises
    ------
    SettingError
        If the name is unknown, or a coefficient is not in 0..1.

    Examples
    --------
    >>> absorption_of("glass")
    (0.08, 0.04, 0.03, 0.03, 0.02, 0.02, 0.02)
    >>> absorption_of((0.5,))
    (0.5,)
    """
    if isinstance(surface, str):
        if surface not in MATERIALS:
            raise SettingError(
                f"material must be one of {', '.join(MATERIALS)}, but {surface} was given"
            )
        return MATERIALS[surface]
    if not surface or not all(0 <= value <= 1 for value in surface):
        raise SettingError(f"absorption must be numbers in 0..1 by octave, but {surface} was given")
    return surface


def by_octave(values: tuple[float, ...], bands: int) -> tuple[float, ...]:
    """Cut or stretch figures by octave to a number of bands; the last holds on upwards."""
    return (values + values[-1:] * bands)[:bands]
