"use strict";
/* Zoom on the time axis, what lies under the pointer, sorting and filtering. Without this script
   the page still shows everything. Times are seconds; events are [label, onset, offset, azimuth,
   elevation, score, spread, score's scatter over passes], angles in degrees, null if unknown. */
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const tip = document.getElementById("tip");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  if (!data) return;

  const timeline = document.getElementById("timeline");
  const overlay = timeline.querySelector(".overlay");
  const ticks = overlay.querySelector(".ticks");
  const band = overlay.querySelector(".band");
  const cursor = overlay.querySelector(".cursor");
  const plots = all(".plot", timeline);
  const duration = Number(timeline.dataset.duration);
  const hidden = new Set();
  let start = 0;
  let span = duration;

  /* ---- words */

  const STEPS = [.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300,
    600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

  function clock(seconds, decimals) {
    if (duration <= 120) return seconds.toFixed(decimals);
    const units = Math.round(seconds * 10 ** decimals);
    const rest = Math.floor(units / 10 ** decimals);
    const two = (n) => String(n).padStart(2, "0");
    const tail = decimals ? "." + String(units % 10 ** decimals).padStart(decimals, "0") : "";
    const minutes = Math.floor(rest / 60);
    const end = two(rest % 60) + tail;
    return duration < 3600 ? `${minutes}:${end}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${end}`;
  }

  const signed = (degrees) => {
    const whole = Math.round(degrees);
    return whole === 0 ? "0°" : (whole > 0 ? "+" : "−") + Math.abs(whole) + "°";
  };

  function words(event) {
    const [label, onset, offset, azimuth, elevation, score, spread, scatter] = event;
    const within = spread === null ? "" : ` (90 % within ${Math.round(spread)}°)`;
    const where = azimuth === null ? "" : ` · ${signed(azimuth)}, ${signed(elevation)}${within}`;
    return [data.labels[label], `${clock(onset, 2)}–${clock(offset, 2)}${where}`,
      `score ${score.toFixed(2)}${scatter === null ? "" : ` ± ${scatter.toFixed(2)}`}`];
  }

  /* Texts reach the page by textContent alone: a label is never markup. */
  function showTip(x, y, title, lines) {
    tip.replaceChildren();
    const head = document.createElement("b");
    head.textContent = title;
    tip.append(head);
    for (const line of lines) {
      const row = document.createElement("div");
      row.textContent = line;
      tip.append(row);
    }
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = x + 16 + box.width > innerWidth ? x - 16 - box.width : x + 16;
    tip.style.left = Math.max(4, left) + "px";
    tip.style.top = Math.max(4, Math.min(y + 14, innerHeight - box.height - 8)) + "px";
  }

  const hideTip = () => { tip.hidden = true; };

  /* ---- the time axis */

  function drawTicks() {
    const width = overlay.clientWidth || 800;
    const most = Math.max(3, Math.min(14, Math.floor(width / 75)));
    const step = STEPS.find((s) => span / s <= most) || STEPS[STEPS.length - 1];
    const decimals = step < 1 ? Math.ceil(-Math.log10(step) - 1e-9) : 0;
    ticks.replaceChildren();
    for (let i = Math.ceil(start / step - 1e-9); i * step <= start + span * (1 + 1e-9); i++) {
      const tick = document.createElement("i");
      tick.dataset.l = clock(i * step, decimals);
      tick.style.setProperty("--t", i * step);
      ticks.append(tick);
    }
  }

  let waiting = false;
  function view(from, width) {
    span = Math.min(duration, Math.max(width, Math.min(duration, .05)));
    start = Math.min(Math.max(0, from), duration - span);
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      timeline.style.setProperty("--t0", start);
      timeline.style.setProperty("--dt", span);
      for (const plot of plots) {
        const [, top, , height] = plot.getAttribute("viewBox").split(" ");
        plot.setAttribute("viewBox", `${start} ${top} ${span} ${height}`);
      }
      drawTicks();
      thin();
    });
  }

  /* Many events at once get smaller marks. */
  function thin() {
    let seen = 0;
    for (const event of data.events) if (event[2] >= start && event[1] <= start + span) seen++;
    timeline.classList.toggle("dense", seen > 250);
  }

  const timeAt = (x) => {
    const box = overlay.getBoundingClientRect();
    return start + span * (x - box.left) / box.width;
  };
  const onPlots = (x) => {
    const box = overlay.getBoundingClientRect();
    return x >= box.left && x <= box.right;
  };
  const zoom = (factor, around) => view(around - (around - start) * factor, span * factor);

  timeline.addEventListener("wheel", (event) => {
    if (!onPlots(event.clientX)) return;
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    const onAxis = !event.target.closest(".plot");
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      if (span >= duration) return;
      view(start + span * sideways / 900, span);
    } else if (onAxis || event.ctrlKey || event.metaKey) {
      zoom(Math.exp(Math.max(-150, Math.min(150, event.deltaY)) / 400), timeAt(event.clientX));
    } else return;
    event.preventDefault();
  }, {passive: false});

  let pressed = null;
  timeline.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && event.pointerType === "mouse" && onPlots(event.clientX)) {
      pressed = event.clientX;
    }
  });
  addEventListener("pointerup", (event) => {
    if (pressed !== null && Math.abs(event.clientX - pressed) > 5) {
      const ends = [timeAt(pressed), timeAt(event.clientX)].sort((a, b) => a - b);
      view(Math.max(0, ends[0]), Math.min(duration, ends[1]) - Math.max(0, ends[0]));
    }
    if (pressed !== null) band.hidden = true;
    pressed = null;
  });
  timeline.addEventListener("dblclick", () => view(0, duration));
  timeline.addEventListener("keydown", (event) => {
    const middle = start + span / 2;
    if (event.key === "+" || event.key === "=") zoom(.5, middle);
    else if (event.key === "-") zoom(2, middle);
    else if (event.key === "0") view(0, duration);
    else if (event.key === "ArrowLeft") view(start - span / 8, span);
    else if (event.key === "ArrowRight") view(start + span / 8, span);
    else return;
    event.preventDefault();
  });
  for (const button of all("[data-zoom]")) {
    button.addEventListener("click", () => {
      if (button.dataset.zoom === "all") view(0, duration);
      else zoom(Number(button.dataset.zoom), start + span / 2);
    });
  }

  function showBand(from, to) {
    band.style.setProperty("--a", Math.max(from, start));
    band.style.setProperty("--b", Math.max(Math.min(to, start + span), Math.max(from, start)));
    band.hidden = to < start || from > start + span;
  }

  /* ---- what lies under the pointer */

  function frequencyAt(plot, y) {
    if (!data.edges.length || !plot.parentNode.classList.contains("spectrogram")) return "";
    const box = plot.getBoundingClientRect();
    const place = (1 - (y - box.top) / box.height) * (data.edges.length - 1);
    const below = Math.max(0, Math.min(data.edges.length - 2, Math.floor(place)));
    const hz = data.edges[below] + (place - below) * (data.edges[below + 1] - data.edges[below]);
    return hz >= 1000 ? ` · ${(hz / 1000).toFixed(1)} kHz` : ` · ${Math.round(hz)} Hz`;
  }

  function under(events, time, slack) {
    return events.filter((e) => !hidden.has(e[0]) && e[1] - slack <= time && e[2] + slack >= time);
  }

  timeline.addEventListener("pointermove", (event) => {
    const time = timeAt(event.clientX);
    const plot = event.target.closest(".plot");
    if (pressed !== null) {
      cursor.hidden = true;
      showBand(Math.min(timeAt(pressed), time), Math.max(timeAt(pressed), time));
      hideTip();
      return;
    }
    cursor.hidden = !plot || time < start || time > start + span;
    if (cursor.hidden) { hideTip(); return; }
    cursor.style.left = 100 * (time - start) / span + "%";
    const slack = 3 * span / overlay.clientWidth;
    const found = under(data.events, time, slack);
    const truth = under(data.truth, time, slack);
    const lines = found.slice(0, 8).map((e) => words(e).join(" · "));
    if (found.length > 8) lines.push(`and ${found.length - 8} more`);
    lines.push(...truth.slice(0, 8).map((e) => `reference: ${words(e).slice(0, 2).join(" · ")}`));
    const decimals = span > 1000 ? 0 : span > 60 ? 1 : 2;
    const unit = duration <= 120 ? " s" : "";
    showTip(event.clientX, event.clientY,
      clock(time, decimals) + unit + frequencyAt(plot, event.clientY), lines);
  });
  timeline.addEventListener("pointerleave", () => { cursor.hidden = true; hideTip(); });

  const table = document.getElementById("events");
  const rows = table ? all("tbody tr", table) : [];
  const byIndex = new Map(rows.map((row) => [row.dataset.i, row]));
  const spots = new Map();
  for (const spot of all(".spot")) {
    const same = spots.get(spot.dataset.i) || [];
    spots.set(spot.dataset.i, [...same, spot]);
  }

  function light(index, on) {
    for (const spot of spots.get(index) || []) {
      spot.classList.toggle("lit", on);
    }
    const row = byIndex.get(index);
    if (row) row.classList.toggle("lit", on);
    if (on) showBand(data.events[index][1], data.events[index][2]);
    else band.hidden = true;
  }

  for (const figure of all(".around figure")) {
    let lit = null;
    figure.addEventListener("pointermove", (event) => {
      const spot = event.target.closest(".spot");
      const index = spot ? spot.dataset.i : null;
      if (lit !== index && lit !== null) light(lit, false);
      if (lit !== index && index !== null) light(index, true);
      lit = index;
      if (index === null) { hideTip(); return; }
      const [title, ...lines] = words(data.events[index]);
      showTip(event.clientX, event.clientY, title, lines);
    });
    figure.addEventListener("pointerleave", () => {
      if (lit !== null) light(lit, false);
      lit = null;
      hideTip();
    });
    figure.addEventListener("click", (event) => {
      const spot = event.target.closest(".spot");
      const row = spot && byIndex.get(spot.dataset.i);
      if (row) row.scrollIntoView({block: "center", behavior: "smooth"});
    });
  }

  if (table) {
    const body = table.tBodies[0];
    for (const [kind, on] of [["pointerover", true], ["pointerout", false]]) {
      body.addEventListener(kind, (event) => {
        const row = event.target.closest("tr");
        if (row) light(row.dataset.i, on);
      });
    }
    body.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (!row || String(getSelection())) return;
      const [, onset, offset] = data.events[row.dataset.i];
      const width = Math.min(duration, Math.max(4 * (offset - onset), 2));
      view((onset + offset - width) / 2, width);
      timeline.scrollIntoView({block: "nearest", behavior: "smooth"});
    });
  }

  /* ---- sorting: by value, not by what is written */

  const KEYS = {
    label: (e) => data.labels[e[0]], onset: (e) => e[1], offset: (e) => e[2],
    length: (e) => e[2] - e[1], azimuth: (e) => e[3], elevation: (e) => e[4],
    score: (e) => e[5], spread: (e) => e[6],
  };

  for (const sortable of all("table")) {
    const events = data[sortable.id];
    if (!events) continue;
    for (const head of all("th", sortable)) {
      head.querySelector("button").addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        const value = KEYS[head.dataset.key];
        const order = all("tbody tr", sortable).sort((one, other) => {
          const a = value(events[one.dataset.i]);
          const b = value(events[other.dataset.i]);
          if (a === null || b === null) return (a === null) - (b === null);
          return (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1);
        });
        for (const other of all("th", sortable)) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        sortable.tBodies[0].append(...order);
      });
    }
  }

  /* ---- filtering: one class on the page a label */

  const legend = document.querySelector(".legend");
  const shown = document.getElementById("shown");
  function hide(place, yes) {
    document.body.classList.toggle("off" + place, yes);
    yes ? hidden.add(place) : hidden.delete(place);
  }
  if (legend) {
    const chips = all("[data-k]", legend);
    const everything = legend.querySelector(".all");
    const refresh = () => {
      for (const chip of chips) chip.setAttribute("aria-pressed", !hidden.has(+chip.dataset.k));
      everything.hidden = hidden.size === 0;
      const n = data.events.filter((e) => !hidden.has(e[0])).length;
      shown.textContent = n === data.events.length ? n : `${n} of ${data.events.length}`;
    };
    for (const chip of chips) {
      chip.addEventListener("click", (event) => {
        const place = +chip.dataset.k;
        if (event.altKey) for (const other of chips) hide(+other.dataset.k, other !== chip);
        else hide(place, !hidden.has(place));
        refresh();
      });
    }
    everything.addEventListener("click", () => {
      for (const chip of chips) hide(+chip.dataset.k, false);
      refresh();
    });
  }

  addEventListener("beforeprint", () => {
    for (const block of all("details")) block.open = true;
  });
  addEventListener("resize", drawTicks);
  drawTicks();
  thin();
})();
