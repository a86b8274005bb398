"""Scoring as a user does it: files and folders, names and indices, a table or JSON."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from sonoscope.cli.score import score
from sonoscope.core.direction import unit_vector
from sonoscope.core.errors import InputError, SettingError
from tests.metrics.dcase_scenes import scene

TRUTH = "sound_event_recording,start_time,end_time,ele,azi,dist\nspeech,1.0,2.0,0,30,1\n"
OURS = "label,onset_s,offset_s,azimuth_deg,elevation_deg,score\nspeech,1.0,2.0,40,0,0.9\n"
HEARD = "".join(f"{frame},5,30,0\n" for frame in range(50, 100))


def run(*arguments: object) -> Result:
    app = typer.Typer()
    app.command("score")(score)
    return CliRunner().invoke(app, [str(a) for a in arguments])


def asked(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--metric", "dcase2019", "--json")
    assert result.exception is None, result.exception
    answer: dict[str, Any] = json.loads(result.stdout)
    assert list(answer) == ["ER", "F", "DE", "FR", "SELD"]
    return answer


def write(folder: Path, **texts: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def test_names_against_indices_of_2019(tmp_path: Path) -> None:
    write(tmp_path, truth=TRUTH, heard=HEARD)
    perfect = {"ER": 0, "F": 1, "DE": 0, "FR": 1, "SELD": 0}
    assert asked(tmp_path / "truth.csv", tmp_path / "heard.csv", "--mode", "strict") == perfect
    assert asked(tmp_path / "heard.csv", tmp_path / "truth.csv", "--mode", "strict") == perfect


def test_two_kinds_of_names(tmp_path: Path) -> None:
    write(tmp_path, truth=TRUTH, heard=OURS)
    answer = asked(tmp_path / "truth.csv", tmp_path / "heard.csv")
    assert answer["F"] == pytest.approx(1)
    assert answer["DE"] == pytest.approx(10)


def test_labels_of_ones_own(tmp_path: Path) -> None:
    write(tmp_path, truth=TRUTH.replace("speech", "robin"), heard=HEARD)
    paths = tmp_path / "truth.csv", tmp_path / "heard.csv"
    refused = run(*paths)
    assert isinstance(refused.exception, SettingError)
    assert "--labels" in str(refused.exception)
    assert "robin" in str(refused.exception)
    names = "a, b, c, d, e, robin"
    assert asked(*paths, "--labels", names, "--mode", "strict")["F"] == 1
    too_few = run(*paths, "--labels", "robin,b")
    assert isinstance(too_few.exception, InputError)
    assert "heard.csv" in str(too_few.exception)
    assert isinstance(run(*paths, "--labels", "a,,b").exception, SettingError)
    assert isinstance(run(*paths, "--labels", "a,a").exception, SettingError)


def test_folders_are_paired_by_name_and_what_is_missing_is_said(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", one=TRUTH, two=TRUTH, three=TRUTH)
    heard = write(tmp_path / "heard", one=HEARD, three="", four=HEARD)
    result = run(truth, heard, "--json", "--mode", "strict")
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert answer["ER"] == pytest.approx(2 / 3)
    assert answer["F"] == pytest.approx(0.5)
    assert result.stderr.splitlines() == [
        f"{heard / 'four.csv'}: no reference, left out",
        f"{truth / 'two.csv'}: no prediction, counted as empty",
    ]


def test_the_folders_of_analyze_are_predictions(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", one=TRUTH, two=TRUTH)
    heard = tmp_path / "heard"
    for name, text in (("one", OURS), ("two", OURS.replace("speech", "cough"))):
        write(heard / name, events=text)
    assert asked(truth, heard)["F"] == pytest.approx(0.5)


def test_the_truth_may_lie_in_the_folders_it_was_published_in(tmp_path: Path) -> None:
    write(tmp_path / "metadata_dev" / "dev-test-sony", one=TRUTH)
    write(tmp_path / "metadata_dev" / "dev-test-tau", two=TRUTH)
    heard = write(tmp_path / "heard", one=HEARD, two="")
    assert asked(tmp_path / "metadata_dev", heard, "--mode", "strict")["ER"] == 0.5
    write(tmp_path / "metadata_dev" / "dev-train-tau", two=TRUTH)
    refused = run(tmp_path / "metadata_dev", heard)
    assert isinstance(refused.exception, InputError)
    assert "dev-train-tau/two.csv and" in str(refused.exception).replace("\\", "/")


def test_deleting_predictions_does_not_help(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", one=TRUTH, two=TRUTH)
    all_heard = asked(truth, write(tmp_path / "heard", one=HEARD, two=HEARD))
    one_heard = asked(truth, write(tmp_path / "less", one=HEARD))
    assert one_heard["SELD"] > all_heard["SELD"]


def test_what_has_no_value_is_null(tmp_path: Path) -> None:
    write(tmp_path, truth=TRUTH, heard="")
    answer = asked(tmp_path / "truth.csv", tmp_path / "heard.csv")
    assert answer["DE"] is None
    assert answer["SELD"] is None
    assert asked(tmp_path / "heard.csv", tmp_path / "truth.csv")["ER"] is None


def test_the_table_says_what_the_numbers_mean(tmp_path: Path) -> None:
    write(tmp_path, truth=TRUTH, heard=HEARD)
    result = run(tmp_path / "truth.csv", tmp_path / "heard.csv")
    assert result.exit_code == 0
    for word in ("official", "ER", "SELD", "frame by", "error rate", "1 recording"):
        assert word in result.stdout


def test_a_given_duration_counts_the_silence(tmp_path: Path) -> None:
    write(tmp_path, truth=TRUTH, heard="")
    paths = tmp_path / "truth.csv", tmp_path / "heard.csv", "--mode", "strict"
    assert asked(*paths)["FR"] == 0.5
    assert asked(*paths, "--duration", 10)["FR"] == 0.9


def test_refusals_name_the_file(tmp_path: Path) -> None:
    folder = write(tmp_path / "truth", one=TRUTH)
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, message in (
        ((folder, folder / "one.csv"), "both be files or both be folders"),
        ((empty, folder), "empty: must hold csv files"),
        ((folder, tmp_path / "none"), "none: does not exist"),
        ((folder / "one.csv", write(tmp_path, bad="a,b\n") / "bad.csv"), "bad.csv: line 1"),
    ):
        refused = run(*arguments)
        assert isinstance(refused.exception, InputError)
        assert message in str(refused.exception)


# ── later years ──────────────────────────────────────────────────────────────────────────────────

SECONDS = ["ER", "F", "LE", "LR", "SELD"]
FRAMES = ["F", "DOAE", "RDE", "SELD"]
SEEDS = (7, 11)


def written(folder: Path, form: str) -> tuple[Path, Path]:
    """Write the two random scenes whose scores the organisers were asked for."""
    for seed in SEEDS:
        for name, table in zip(("truth", "heard"), scene(seed), strict=True):
            assert table.distance_m is not None
            assert table.track is not None
            rows = np.stack([table.frame, table.label, table.track], axis=1).astype(str)
            ways = np.rad2deg(np.stack([table.azimuth, table.elevation], axis=1)).round()
            metres = table.distance_m[:, None]
            columns, header = [ways.astype(int)], ""
            if form == "vectors":
                columns = [unit_vector(table.azimuth, table.elevation)]
            elif form == "vectors in cm":
                columns = [unit_vector(table.azimuth, table.elevation), 100 * metres]
            elif form == "vectors in m":
                columns = [unit_vector(table.azimuth, table.elevation), metres]
            elif form == "distances":
                columns.append(100 * metres)
            elif form == "header":
                header = "frame,class,source,azimuth,elevation,distance\n"
                columns.append(100 * metres)
            elif form == "2025":
                header = "frame,class,source,azimuth,distance,onscreen\n"
                columns = [columns[0][:, :1], 100 * metres, 0 * metres.astype(int)]
            cells = np.concatenate([rows, *(column.astype(str) for column in columns)], axis=1)
            text = header + "".join(",".join(row) + "\n" for row in cells)
            write(folder / name, **{f"mix{seed}": text})
    return folder / "truth", folder / "heard"


def later(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exception is None, result.exception
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


@pytest.mark.parametrize(
    ("metric", "form", "more", "wanted"),
    [
        ("dcase2020", "polar", [], [0.675676, 0.437276, 18.037323, 0.781362]),
        ("dcase2020", "vectors", [], [0.675676, 0.437276, 18.037323, 0.781362]),
        ("dcase2021", "polar", [], [0.688312, 0.514523, 17.957048, 0.709677]),
        ("dcase2021", "vectors", [], [0.688312, 0.514523, 17.957048, 0.709677]),
        ("dcase2022", "polar", [], [0.688312, 0.417007, 18.099762, 0.733412, 0.409612]),
        ("dcase2023", "distances", [], [0.688312, 0.417007, 18.099762, 0.733412, 0.409612]),
        ("dcase2023", "vectors in cm", ["--average", "micro"],
         [0.688312, 0.429066, 17.957048, 0.709677, 0.412332]),
        ("dcase2024", "distances", [], [0.427528, 17.805962, 0.207838, 0.293077]),
        ("dcase2024", "header", ["--duration", "60"], [0.427447, 17.805962, 0.207838, 0.293104]),
        ("dcase2024", "vectors in cm", [], [0.427528, 17.805962, 0.207838, 0.293077]),
        ("dcase2024", "vectors in m", ["--average", "micro", "--duration", "60"],
         [0.444231, 17.551204, 0.204163, 0.285813]),
        ("dcase2025", "2025", ["--duration", "60"], [0.445426, 16.245709, 0.208027]),
        ("dcase2025", "distances", ["--duration", "60", "--average", "micro"],
         [0.456731, 15.897727, 0.204371]),
    ],
)  # fmt: skip
def test_files_score_as_the_organisers_say(
    tmp_path: Path, metric: str, form: str, more: list[str], wanted: list[float]
) -> None:
    answer = later(*written(tmp_path, form), "--metric", metric, *more)
    assert list(answer) == (SECONDS if metric < "dcase2024" else FRAMES)
    np.testing.assert_allclose(list(answer.values())[: len(wanted)], wanted, rtol=0, atol=1e-6)


def test_a_recording_without_prediction(tmp_path: Path) -> None:
    truth, heard = written(tmp_path, "distances")
    (heard / "mix7.csv").unlink()
    for metric in ("dcase2020", "dcase2021", "dcase2022", "dcase2024", "dcase2025"):
        official = run(truth, heard, "--metric", metric, "--json")
        strict = run(truth, heard, "--metric", metric, "--json", "--mode", "strict")
        assert "mix7.csv: no prediction, left out" in official.stderr
        assert "mix7.csv: no prediction, counted as empty" in strict.stderr
        scores = [json.loads(result.stdout)["F"] for result in (official, strict)]
        alone = later(truth / "mix11.csv", heard / "mix11.csv", "--metric", metric)["F"]
        assert scores[0] == alone
        assert scores[1] < 0.8 * scores[0]
    (heard / "mix11.csv").unlink()
    refused = run(truth, heard, "--metric", "dcase2022")
    assert isinstance(refused.exception, InputError)
    assert "must hold predictions" in str(refused.exception)


def test_intervals(tmp_path: Path) -> None:
    truth, heard = written(tmp_path, "distances")
    for metric, keys in (("dcase2019", ["ER", "F", "DE", "FR", "SELD"]), ("dcase2021", SECONDS),
                         ("dcase2023", SECONDS), ("dcase2025", FRAMES)):  # fmt: skip
        answer = later(truth, heard, "--metric", metric, "--intervals")
        assert list(answer) == [*keys, "intervals"]
        assert list(answer["intervals"]) == keys
        low, high = answer["intervals"]["F"]
        assert low < answer["F"] < high
    result = run(truth, heard, "--metric", "dcase2024", "--intervals")
    assert "95 % interval" in result.stdout
    refused = run(truth / "mix7.csv", heard / "mix7.csv", "--intervals")
    assert isinstance(refused.exception, SettingError)
    assert "at least 2 recordings, but 1" in str(refused.exception)


def test_labels_over_which_the_mean_goes(tmp_path: Path) -> None:
    names = "label,onset_s,offset_s,azimuth_deg,elevation_deg\n"
    write(tmp_path, ours=names + "robin,0,2,10,0\nwren,1,2,50,0\n")
    write(tmp_path, known=names + "knock,0,2,10,0\n", index="0,12,0,10,0\n")
    ours, strict = tmp_path / "ours.csv", ["--metric", "dcase2022", "--mode", "strict"]
    assert later(ours, ours, *strict)["F"] == 1
    assert later(ours, ours, *strict, "--labels", "robin,wren,owl,jay")["F"] == 0.5
    assert later(tmp_path / "known.csv", tmp_path / "index.csv", *strict)["LR"] < 0.1
    table = run(tmp_path / "known.csv", tmp_path / "known.csv", *strict)
    assert "macro over 13 labels" in table.stdout
    for arguments, message in (
        ((ours, tmp_path / "index.csv"), "--labels must be given"),
        ((ours, ours, "--labels", "robin,owl"), "labels must be among robin, owl, but 'wren'"),
        ((tmp_path / "index.csv", ours, "--labels", "robin,wren"), "0..1 for 2 labels, but 12"),
    ):
        refused = run(*arguments, *strict)
        assert isinstance(refused.exception, (InputError, SettingError))
        assert message in str(refused.exception)
        assert "\n" not in str(refused.exception)


def test_what_a_year_does_not_have_is_refused(tmp_path: Path) -> None:
    write(tmp_path, truth=TRUTH, heard=HEARD, far="50,5,0,30,0\n", none="", nowhere="50,5,30,0\n")
    for arguments, message in (
        (("none", "far", "dcase2024"), "every source of the prediction must have a distance"),
        (("far", "far", "dcase2025"), "every source of the reference must have a distance"),
        (("nowhere", "far", "dcase2021"), "divides 10 a second, but 50 a second"),
    ):
        one, other, metric = arguments
        refused = run(tmp_path / f"{one}.csv", tmp_path / f"{other}.csv", "--metric", metric)
        assert isinstance(refused.exception, InputError)
        assert message in str(refused.exception)
        assert f"{other}.csv" in str(refused.exception)
    for metric, seconds in (("dcase2019", "inf"), ("dcase2021", "1e300"), ("dcase2025", "inf")):
        far = tmp_path / "far.csv"
        refused = run(far, far, "--metric", metric, "--mode", "official", "--duration", seconds)
        assert isinstance(refused.exception, SettingError)
        assert "--duration must be at most 100000 s, but" in str(refused.exception)
    average = run(tmp_path / "truth.csv", tmp_path / "heard.csv", "--average", "macro")
    assert isinstance(average.exception, SettingError)
    assert "--average must be left out for dcase2019" in str(average.exception)


@pytest.mark.parametrize("metric", [f"dcase{year}" for year in range(2019, 2026)])
def test_every_table_says_what_the_numbers_mean(tmp_path: Path, metric: str) -> None:
    truth, heard = written(tmp_path, "distances")
    result = run(truth, heard, "--metric", metric)
    assert result.exit_code == 0
    for word in (metric[5:], "official", "SELD", "best", "2 recordings"):
        assert word in result.stdout
