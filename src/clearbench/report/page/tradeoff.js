// Any headline number over any other: a mark a row, a curve where its update is scaled.
if (!numbers.columns.length) document.getElementById("tradeoff").hidden = true;
else {
  const section = panel("tradeoff", "Trade-off");
  const chart = make("div", { class: "chart" });
  const pairs = numbers.columns.map((column, number) => [number, column.header]);
  let { across, up } = tradeoff;
  let view = null, turn = 0, width = 0;

  /** A row as the chart has it; none without both numbers. */
  const spot = (row) => {
    const [x, y] = [row.cells[across], row.cells[up]];
    if (x.mean == null || y.mean == null) return null;
    const name = row.kind === "method" ? `${row.method} ${row.modality}` : row.method;
    return {
      row: row.name, name, method: row.method, modality: row.modality, kind: row.kind, x: x.mean, y: y.mean,
      x_low: x.interval?.[0], x_high: x.interval?.[1], y_low: y.interval?.[0], y_high: y.interval?.[1],
      told: `${name}: ${numbers.columns[across].header} ${decimals(x.mean)} ${between(x.interval)}, ${numbers.columns[up].header} ${decimals(y.mean)} ${between(y.interval)}`,
    };
  };

  /** The points of the curves of some rows. */
  const curves = (rows) =>
    rows.flatMap((row) =>
      (tradeoff.curves[row.name] ?? []).map(({ strength, means }) => ({
        row: row.name, method: row.method, modality: row.modality, strength, x: means[across], y: means[up],
        told: `${row.method} ${row.modality} at ${strength} times its update: ${decimals(means[across])}, ${decimals(means[up])}`,
      })),
    ).filter((point) => point.x != null && point.y != null);

  /** A colour of the style as a chart can be told it. */
  const resolved = (name) => {
    chart.style.color = `var(${name})`;
    const { color } = getComputedStyle(chart);
    chart.style.color = "";
    return color;
  };

  /** The ends of an axis: of the points, not of their bars, with room at the sides. */
  const spread = (values) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const room = (high - low || Math.abs(high) || 1) * 0.12;
    return [low - room, high + room];
  };

  const draw = async () => {
    const [ink, faint, line, paper] = ["--ink", "--faint", "--line", "--paper"].map(resolved);
    const rows = looked.rows;
    const spots = rows.map(spot).filter(Boolean);
    const [of_methods, others] = [spots.filter((s) => s.kind === "method"), spots.filter((s) => s.kind !== "method")];
    const points = [...spots, ...curves(rows)];
    const axis = (number, field, of) => {
      const domain = spread(points.map((point) => point[of]));
      return { field, type: "quantitative", scale: { domain, zero: false, nice: false }, title: numbers.columns[number].header };
    };
    const x = axis(across, "x", "x"), y = axis(up, "y", "y");
    const colours = { field: "method", type: "nominal", title: "row", scale: { domain: [...new Set(of_methods.map((s) => s.method))], scheme: "tableau20" } };
    const shape = { field: "modality", type: "nominal", title: "modality", scale: { domain: head.modalities, range: ["circle", "square", "triangle-up"] } };
    const told = { field: "told", type: "nominal" };
    const known = (field) => ({ filter: `isValid(datum.${field}_low)` });
    const bar = (field, other) => ({
      data: { values: spots }, transform: [known(field)], mark: { type: "rule", opacity: 0.4, strokeWidth: 1, aria: false, clip: true },
      encoding: {
        [field]: { ...axis(field === "x" ? across : up, `${field}_low`, field) }, [`${field}2`]: { field: `${field}_high` }, [other]: other === "x" ? x : y,
        color: { condition: { test: "datum.kind == 'method'", ...colours }, value: faint },
      },
    });
    const layers = [
      bar("y", "x"), bar("x", "y"),
      {
        data: { values: curves(rows) }, mark: { type: "line", opacity: 0.55, strokeWidth: 1.5, aria: false, point: { size: 16, opacity: 0.7, aria: false } },
        encoding: { x, y, color: colours, detail: { field: "row" }, order: { field: "strength" } },
      },
      {
        data: { values: of_methods }, mark: { type: "point", filled: true, size: 90, opacity: 0.95, stroke: paper, strokeWidth: 0.8 },
        encoding: { x, y, color: colours, shape: head.modalities.length > 1 ? shape : undefined, tooltip: told, description: told },
      },
      {
        data: { values: others }, mark: { type: "point", shape: "diamond", filled: true, size: 130, color: ink },
        encoding: { x, y, tooltip: told, description: told },
      },
      {
        data: { values: others }, mark: { type: "text", dy: -12, fontSize: 12, fontWeight: "bold", color: ink, aria: false },
        encoding: { x, y, text: { field: "name" } },
      },
    ].filter((layer) => layer.data.values.length);
    const narrow = section.clientWidth < 640;
    const spec = {
      width: Math.max(220, Math.min(section.clientWidth - (narrow ? 70 : 220), 760)), height: narrow ? 300 : 430,
      layer: layers, background: "transparent",
      config: {
        font: "system-ui, sans-serif", view: { stroke: line },
        axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: faint, tickColor: faint, labelFontSize: 12, titleFontSize: 13, tickCount: narrow ? 4 : 8 },
        legend: { labelColor: ink, titleColor: ink, labelFontSize: 12, titleFontSize: 12, orient: narrow ? "bottom" : "right", columns: narrow ? 3 : 1, symbolOpacity: 1, symbolBaseFillColor: ink, symbolBaseStrokeColor: ink },
      },
    };
    if (!spots.length) {
      chart.replaceChildren(make("p", {}, "No row that is chosen has both numbers."));
      return;
    }
    const mine = ++turn;
    view?.finalize();
    view = new vega.View(vega.parse(vegaLite.compile(spec).spec), { renderer: "svg", container: chart, hover: true });
    chart.replaceChildren();
    view.initialize(chart);
    await view.runAsync();
    // Another drawing may have begun meanwhile.
    if (mine !== turn) return;
    view.addEventListener("click", (event, item) => item?.datum?.row && opened(item.datum.row));
    reachable();
  };

  /** The proof of a mark's upper number. */
  const opened = (name) => showNumber(numbers.rows.find((row) => row.name === name), up);

  /** Let the keyboard reach the marks. */
  const reachable = () => {
    chart.querySelector("svg").setAttribute("aria-label", `${numbers.columns[up].header} over ${numbers.columns[across].header}`);
    for (const mark of chart.querySelectorAll("path[aria-label]")) {
      const row = mark.__data__?.datum?.row;
      if (!row) continue;
      mark.setAttribute("tabindex", "0");
      mark.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        // Else the same key presses the button that the dialog begins with.
        event.preventDefault();
        opened(row);
      });
    }
  };

  section.append(
    lookedBy(),
    make(
      "div",
      { class: "choices" },
      choice("Upwards", pairs, up, (number) => { up = Number(number); draw(); }),
      choice("Across", pairs, across, (number) => { across = Number(number); draw(); }),
      button("SVG", async () => save(`${head.suite}-tradeoff.svg`, await view.toSVG(), "image/svg+xml")),
    ),
    chart,
    make("p", { class: "faint" }, "Bars are 95 % intervals. Curves, where the suite has them, go through the update of a row times several strengths, from the original on. The table below has the same numbers."),
  );
  looked.listeners.push(draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  // Drawn first when the width is known, and again with each other one.
  new ResizeObserver(() => {
    if (section.clientWidth === width) return;
    width = section.clientWidth;
    draw();
  }).observe(section);
}
