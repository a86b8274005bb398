"""What the trainings of a table of clip networks have come to so far, and under noise."""

from dataclasses import replace
from statistics import fmean

from sonoscope.metrics.compared import (
    ClipComparison,
    ComparedClips,
    ComparedUnderNoise,
    NoiseComparison,
)
from sonoscope.training.clips.reproduce import (
    ClipPlan,
    PlannedClipRow,
    scored_clips,
    shown_clips,
    tested_clips,
)
from sonoscope.training.clips.under_noise import NOISES, PUBLISHED, NoisePlan
from sonoscope.training.table_work import left_of


def compared_clips(plan: ClipPlan) -> ClipComparison:
    """Collect what the trainings have come to.

    Raises
    ------
    InputError
        If a result cannot be read.
    """
    rows, table = [_compared(row, plan) for row in shown_clips(plan)], plan.table
    return ClipComparison(plan.name, table.title, rows, table.references, (plan.scale.says,))


def _compared(planned: PlannedClipRow, plan: ClipPlan) -> ComparedClips:
    row, scored = planned.row, scored_clips(planned)
    compared = ComparedClips(
        row.name,
        tested_clips(planned),
        left_of(planned.trainings),
        f1=row.f1,
        accuracy=row.accuracy.get(plan.data),
    )
    if not scored:
        return compared
    trained_s = fmean(each.trained_s for each in scored)
    return replace(compared, parameters=scored[0].parameters, trained_s=trained_s)


def compared_under_noise(plan: NoisePlan) -> NoiseComparison:
    """Collect what the networks have said under noise.

    Raises
    ------
    InputError
        If a result cannot be read.
    """
    heard, missing, table = plan.heard(), plan.missing(), plan.clips.table
    rows = [
        ComparedUnderNoise(
            row.name, heard[row.name], missing[row.name], PUBLISHED.get(row.name, {})
        )
        for row in table.rows
    ]
    return NoiseComparison(
        plan.name,
        table.title,
        rows,
        table.references[0],
        [noise.name for noise in NOISES],
        plan.settings.denoiser,
        (plan.clips.scale.says,),
    )
