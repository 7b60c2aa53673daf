// Charts: drawn by Vega as SVG, in the colours of the page, with marks that the keyboard reaches.

/**
 * A chart in a place of its own. `describe(ink)` gives its specification without looks, given the
 * page's colours and the room beside which nothing is, or a text where nothing can be drawn; `opened(datum)` is what a press on a mark does.
 * `height` is kept for it, so that nothing moves when it is drawn.
 */
function charted(label, describe, opened, height) {
  const place = make("div", { class: "chart", style: `min-height:${height + 60}px` });
  let view = null, turn = 0;

  /** A colour of the style as a chart can be told it. */
  const resolved = (name) => {
    place.style.color = `var(${name})`;
    const { color } = getComputedStyle(place);
    place.style.color = "";
    return color;
  };

  /** Let the keyboard reach the marks. */
  const reachable = () => {
    place.querySelector("svg").setAttribute("aria-label", label());
    for (const mark of place.querySelectorAll("path[aria-label]")) {
      const datum = mark.__data__?.datum;
      if (!datum?.told) continue;
      mark.setAttribute("tabindex", "0");
      // What a pointer on it shows, the keyboard on it shows as well.
      for (const [kind, pointer] of [["focus", "pointerover"], ["blur", "pointerout"]])
        mark.addEventListener(kind, () => mark.dispatchEvent(new PointerEvent(pointer, { bubbles: true })));
      mark.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        // Else the same key presses the button that the dialog begins with.
        event.preventDefault();
        opened(datum);
      });
    }
  };

  const draw = async () => {
    const [ink, faint, line, paper] = ["--ink", "--faint", "--line", "--paper"].map(resolved);
    const described = describe({ ink, faint, paper }, place.parentElement.clientWidth);
    const mine = ++turn;
    view?.finalize();
    view = null;
    place.style.minHeight = typeof described === "string" ? "" : `${height + 60}px`;
    if (typeof described === "string") {
      place.replaceChildren(make("p", {}, described));
      return;
    }
    const narrow = isNarrow(place.parentElement.clientWidth);
    const config = {
      font: "system-ui, sans-serif", view: { stroke: line },
      axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: faint, tickColor: faint, labelFontSize: 12, titleFontSize: 13, tickCount: narrow ? 4 : 8, labelLimit: narrow ? 120 : 260 },
      legend: { labelColor: ink, titleColor: ink, labelFontSize: 12, titleFontSize: 12, orient: narrow ? "bottom" : "right", columns: narrow ? 3 : 1, layout: { bottom: { anchor: "start", direction: "vertical" } }, symbolOpacity: 1, symbolBaseFillColor: ink, symbolBaseStrokeColor: ink },
    };
    view = new vega.View(vega.parse(vegaLite.compile({ ...described, autosize: { type: "fit-x", contains: "padding" }, background: "transparent", config }).spec), { renderer: "svg", container: place, hover: true });
    place.replaceChildren();
    view.initialize(place);
    await view.runAsync();
    // Another drawing may have begun meanwhile.
    if (mine !== turn) return;
    view.addEventListener("click", (event, item) => item?.datum?.told && opened(item.datum));
    reachable();
  };

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  // Drawn first when the width is known, and again with each other one.
  let width = 0;
  new ResizeObserver(() => {
    if (!place.parentElement || place.parentElement.clientWidth === width) return;
    width = place.parentElement.clientWidth;
    draw();
  }).observe(place);
  return { place, draw, saved: async (name) => view && save(`${name}.svg`, await view.toSVG(), "image/svg+xml") };
}

/** Whether a width has no room beside a chart. */
function isNarrow(width) {
  return width < 640;
}

/** The ends of an axis of some values, with room at the sides. */
function spread(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low || Math.abs(high) || 1) * 0.12;
  return [low - room, high + room];
}
