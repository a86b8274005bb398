"""HTML and SVG as strings: elements whose attributes and texts cannot break out.

Labels and file names are whatever a user or a model file brings, so `element` escapes every
attribute, and every text that is not markup goes through `text`.
"""

from html import escape
from importlib.resources import files


def text(value: object) -> str:
    """Escape what is no markup.

    Examples
    --------
    >>> text("<b>&")
    '&lt;b&gt;&amp;'
    """
    return escape(str(value))


def element(name: str, content: str = "", /, **attributes: object) -> str:
    """Build one element around content that is markup already.

    Attribute names lose a trailing underscore and get hyphens for inner ones; None leaves the
    attribute out.

    Examples
    --------
    >>> element("p", text("a < b"), class_="note", data_row=3)
    '<p class="note" data-row="3">a &lt; b</p>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{content}</{name}>"


def drawing(title: str, drawn: str, width: float, height: float, ink: str) -> str:
    """Make one SVG file of what was drawn, without scripts or links."""
    return element(
        "svg",
        element("title", text(title)) + drawn,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=number(width),
        height=number(height),
        font_family="system-ui, sans-serif",
        font_size=12,
        fill=ink,
    )


def lettering(
    words: str,
    x: float,
    y: float,
    anchor: str = "start",
    *,
    size: int = 12,
    weight: str | None = None,
    colour: str | None = None,
) -> str:
    """Write words into a drawing."""
    return element(
        "text", text(words), x=number(x, 1), y=number(y, 1), text_anchor=anchor, font_size=size,
        font_weight=weight, fill=colour,
    )  # fmt: skip


def number(value: float, decimals: int = 3) -> str:
    """Write a number as short as it is exact enough for a drawing.

    Examples
    --------
    >>> number(1.50001), number(-0.0001), number(120.0)
    ('1.5', '0', '120')
    """
    short = f"{value:.{decimals}f}"
    if decimals:
        short = short.rstrip("0").rstrip(".")
    return "0" if short == "-0" else short


def minus(written: str) -> str:
    """Give a number for reading its true minus sign."""
    return written.replace("-", "\N{MINUS SIGN}")


def asset(name: str) -> str:
    """Read one of the page's own files out of the package."""
    return files("sonoscope.report").joinpath("assets", name).read_text(encoding="utf-8")
