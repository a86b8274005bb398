"""The command `sonoscope`: its verbs, and how it ends.

Exit codes: 0 done, 1 done in part (each reason on stderr), 2 refused, 130 interrupted. A refusal is
one line on stderr and never a traceback. Nothing heavy is imported before a verb runs.
"""

import sys
from typing import Annotated

import typer

from sonoscope import __version__
from sonoscope.cli.analyze import analyze
from sonoscope.cli.check_array import check_array
from sonoscope.cli.check_format import check_format
from sonoscope.cli.classify import classify
from sonoscope.cli.demo import demo
from sonoscope.cli.denoise import denoise
from sonoscope.cli.diagnose import diagnose
from sonoscope.cli.export import export
from sonoscope.cli.image import image
from sonoscope.cli.inspect import inspect
from sonoscope.cli.models import models
from sonoscope.cli.prpd import prpd
from sonoscope.cli.reproduce import reproduce
from sonoscope.cli.robustness import WithRatios, robustness
from sonoscope.cli.score import score
from sonoscope.cli.simulate import simulate
from sonoscope.cli.train import train
from sonoscope.core.errors import SonoscopeError

REFUSED, INTERRUPTED = 2, 130

LEARNING = {"lightning", "lightning_fabric", "onnx", "onnxscript", "safetensors", "torch"}
"""What the extra `train` installs."""

app = typer.Typer(
    name="sonoscope",
    help="Tell what sounded, when and from where, from a microphone array's recording.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (
    analyze,
    check_format,
    check_array,
    classify,
    demo,
    denoise,
    diagnose,
    export,
    image,
    inspect,
    models,
    prpd,
    reproduce,
    score,
    simulate,
    train,
):
    app.command()(verb)
app.command(cls=WithRatios)(robustness)


def _show_version(wanted: bool) -> bool:
    if wanted:
        print(f"sonoscope {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _top(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


def main(arguments: list[str]) -> int:
    """Run one verb and give the exit code."""
    try:
        code = app(arguments or ["--help"], prog_name="sonoscope", standalone_mode=False)
    except (SonoscopeError, typer.TyperException) as error:
        return _refuse(_line(error))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in LEARNING:
            raise
        return _refuse(
            f"this verb needs what learning needs, but {error.name} is not installed: "
            f"pip install 'sonoscope[train]'"
        )
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    if code == INTERRUPTED:
        print("sonoscope: interrupted", file=sys.stderr)
    return int(code or 0)


def _refuse(line: str) -> int:
    print(f"sonoscope: {line}", file=sys.stderr)
    return REFUSED


def _line(error: SonoscopeError | typer.TyperException) -> str:
    told = error.format_message() if isinstance(error, typer.TyperException) else str(error)
    return " ".join(told.split())


def run() -> None:
    """Enter from the shell."""
    for stream in (sys.stdout, sys.stderr):  # a file name need not be valid text
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))
