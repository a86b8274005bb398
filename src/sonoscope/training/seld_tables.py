"""The rows of the localisation paper's tables 3 to 6, and of the questions that they leave open.

What the paper's text gives of the figures stands beside the rows; its tables themselves are not in
it. Figures of the challenge's systems are those of their authors, on the same four folds.

References: C. Lan et al., "Attention mechanism combined with residual recurrent neural network for
sound event detection and localization", EURASIP JASMP 2022:29, section 4.2; S. Adavanne et al.,
"A multi-room reverberant dataset for sound event localization and detection", DCASE Workshop 2019;
Y. Cao et al., "Polyphonic sound event detection and localization using a two-stage strategy", DCASE
Workshop 2019; Q. Kong et al., "Cross-task learning for audio tagging, sound event detection and
spatial localization", DCASE 2019 challenge.
"""

from collections.abc import Mapping

from sonoscope.core.errors import SettingError
from sonoscope.training.tables import Format, Picture, Published, Row, Scale, Settings, Table

Figures = Mapping[Format, Published]

PAPER = "C. Lan et al. 2022, from its text"
_AT_32_KHZ: Settings = {"recordings": {"rate_hz": 32_000}}

CNN = Row("CNN", {"kind": "crnn", "body": {"recurrent_layers": 0}})
CRNN = Row("CRNN", {"kind": "crnn"})
_M_CRNN: Figures = {
    "foa": Published(0.25, 0.850, 27.9, 0.866),
    "mic": Published(0.29, 0.834, 30.6, 0.854),
}
M_CRNN = Row("M-CRNN", {"kind": "m_crnn"}, published=_M_CRNN, source=PAPER)

_BASELINE: Figures = {
    "foa": Published(0.34, 0.799, 28.5, 0.854),
    "mic": Published(0.35, 0.800, 30.8, 0.840),
}
_LOSS_2019: Settings = {
    "activity": "bce_mean",
    "direction": "angles2019",
    "direction_weight": 1.0,
    "wraps": False,
}
SELDNET = Row(
    "SELDnet 2019",
    {"kind": "seldnet2019"},
    {"recordings": {"rate_hz": 48_000}, "loss": _LOSS_2019},
    published=_BASELINE,
    source="SELDnet: the organisers, four folds",
)
_KONG: Figures = {"foa": Published(0.32, 0.805, 44.0, 0.771)}
CNN9 = Row(
    "CNN9",
    {"kind": "cnn9", "features": {"preset": "cnn9"}},
    {
        **_AT_32_KHZ,
        "loss": {"activity": "bce_mean", "direction": "angles_mae", "direction_weight": 0.57},
    },
    published=_KONG,
    source="CNN9: Q. Kong et al. 2019, log-mels alone, four folds",
)
_CAO: Figures = {
    "foa": Published(0.181, 0.898, 9.84, 0.857),
    "mic": Published(0.167, 0.909, 9.85, 0.863),
}
TWO_STAGE = Row(
    "Two-stage",
    {"kind": "two_stage", "features": {"preset": "two_stage"}, "body": {"stage": "direction"}},
    {
        **_AT_32_KHZ,
        "loss": {
            "activity": "bce_mean",
            "activity_weight": 0.0,
            "direction": "angles_mae",
            "direction_weight": 1.0,
        },
    },
    first={
        "network": {"body": {"stage": "detection"}},
        "loss": {"activity_weight": 1.0, "direction_weight": 0.0},
    },
    threshold=0.3,
    published=_CAO,
    source="Two-stage: Y. Cao et al. 2019, four folds",
)

_SCSE: Figures = {
    "foa": Published(0.21, 0.884, 5.1, 0.896),
    "mic": Published(0.23, 0.884, 5.6, 0.886),
}


def _res(
    name: str, body: Settings, published: Figures | None = None, changes: Settings | None = None
) -> Row:
    """Describe one of the residual networks."""
    network = {"kind": "res_scse_crnn", "body": body}
    return Row(name, network, changes or {}, published=published or {}, source=PAPER)


RES_SCSE = _res("Res-scSE-CRNN", {}, _SCSE)
_FIGURE_10 = Picture("figure10", "M-CRNN", "overlaps", 4)


def _figure_11(row: str) -> Picture:
    return Picture("figure11", row, "labels", 8)


TABLE3 = Table(
    "seld-table3",
    "CNN, CRNN, systems of the challenge, M-CRNN",
    (CNN, CRNN, SELDNET, CNN9, TWO_STAGE, M_CRNN),
    reference="CRNN",
    pictures=(_FIGURE_10,),
)
TABLE4 = Table(
    "seld-table4",
    "Res-scSE-CRNN with attention of four kinds",
    (
        _res("none", {"placement": "none"}),
        _res(
            "sSE",
            {"excitation": "sse"},
            {"foa": Published(-0.03, 0.057, -5.9, 0.037, is_gain=True)},
        ),
        _res(
            "cSE",
            {"excitation": "cse"},
            {"foa": Published(-0.04, 0.056, -6.0, 0.036, is_gain=True)},
        ),
        _res("scSE", {}, _SCSE),
    ),
    reference="none",
    pictures=(_figure_11("scSE"),),
)
TABLE5 = Table(
    "seld-table5",
    "Res-scSE-CRNN with five ratios of its channel attention",
    (
        _res("1", {"ratio": 1}, {"foa": Published(fr=0.901)}),
        _res("2", {"ratio": 2}),
        _res("4", {"ratio": 4}, _SCSE),
        _res("8", {"ratio": 8}),
        _res("16", {"ratio": 16}, {"foa": Published(de_deg=4.7)}),
    ),
    reference="4",
    pictures=(_figure_11("4"),),
)
TABLE6 = Table(
    "seld-table6",
    "All of them: CNN, CRNN, systems of the challenge, M-CRNN, Res-scSE-CRNN",
    (*TABLE3.rows, RES_SCSE),
    reference="CRNN",
    pictures=(_FIGURE_10, _figure_11("Res-scSE-CRNN")),
)

_UNMASKED: Settings = {"activity": "bce_mean", "direction": "mse2019", "direction_weight": 1.0}
_ROOT: Settings = {"activity": "bce_mean", "direction": "mse2020", "direction_weight": 1.0}
_PUBLISHED_HEAD: Settings = {"direction_head": "angles2019"}


def _crnn(name: str, changes: Settings, body: Settings | None = None) -> Row:
    return Row(name, {"kind": "crnn", "body": body or {}}, changes)


ABLATIONS = Table(
    "seld-ablations",
    "What head, loss, mask, blocks and augmentations bring",
    (
        CRNN,
        _crnn("CRNN/angles", {}, {"direction_head": "angles"}),
        _crnn("CRNN/loss of 2020", {"loss": _ROOT}),
        _crnn("CRNN/no mask", {"loss": _UNMASKED}),
        _crnn("CRNN/head and loss of 2019", {"loss": _LOSS_2019}, _PUBLISHED_HEAD),
        _res("residual", {"placement": "none"}),
        _res("residual/no mask", {"placement": "none"}, changes={"loss": _UNMASKED}),
        _res(
            "residual/head and loss of 2019",
            {"placement": "none", **_PUBLISHED_HEAD},
            changes={"loss": _LOSS_2019},
        ),
        _res("residual/scSE", {}),
        _crnn("CRNN/swaps", {"augmentation": {"swap": "elevation"}}),
        _crnn("CRNN/turns", {"augmentation": {"rotate": "vertical"}}),
        _crnn(
            "CRNN/SpecAugment",
            {"masking": {"time_masks": 1, "longest_frames": 25, "band_masks": 1}},
        ),
        _crnn("CRNN/mixup", {"mixup": {"kind": "union"}}),
        _crnn("CRNN/soft mixup", {"mixup": {"kind": "soft"}}),
        _crnn("CRNN/gain and EQ", {"augmentation": {"gain_db": 6.0, "eq_db": 6.0}}),
        _crnn("CRNN/averaged weights", {"ema_decay": 0.998}),
        _crnn("CRNN/constant rate", {"schedule": {"kind": "constant"}, "learning_rate": 1e-3}),
    ),
    reference="CRNN",
)
TABLES = {each.name: each for each in (TABLE3, TABLE4, TABLE5, TABLE6, ABLATIONS)}


def table(name: str) -> Table:
    """Find a table.

    Raises
    ------
    SettingError
        If there is none of that name.
    """
    if name not in TABLES:
        raise SettingError(f"NAME must be one of {', '.join(TABLES)}, but {name} was given")
    return TABLES[name]


_PLAIN: Settings = {
    "window_s": 2.5,
    "optimizer": "adam",
    "ema_decay": 0.0,
    "loss": {"direction": "mse", "direction_weight": 3.0},
}
SMALL = Scale(
    "small",
    folds=(1,),
    seeds=2,
    settings={
        **_PLAIN,
        "steps": 2000,
        "batch_size": 8,
        "learning_rate": 4e-3,
        "precision": "bfloat16",
        "validation": {"every": 2000, "scenes": 8},
    },
    says="Scale small: windows of 2.5 s, 8 in a step, 2000 steps, Adam, one cycle of the learning"
    " rate up to 4e-3 and down to nothing, bfloat16; the last weights are tested.",
)
PAPER_SCALE = Scale(
    "paper",
    folds=(1, 2, 3, 4),
    seeds=2,
    settings={
        **_PLAIN,
        "steps": 7500,
        "batch_size": 32,
        "learning_rate": 1e-3,
        "schedule": {"kind": "constant"},
        "validation": {"every": 150, "scenes": 100, "keep_best": True},
    },
    says="Scale paper: windows of 2.5 s, 32 in a step, 7500 steps (50 epochs of 200 recordings),"
    " Adam at 1e-3; the weights of the best validation are tested.",
    mark="-paper",
)
SCALES = {each.name: each for each in (SMALL, PAPER_SCALE)}
