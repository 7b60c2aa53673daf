// Tables that are looked at as charts: one of their numbers at a time, a mark a row, a panel each.

// Pixels of a row.
const STEP = 18;

const drawn = tables.filter((table) => table.drawn != null && !table.left_out);
for (const table of drawn.sort((a, b) => a.drawn.order - b.drawn.order)) {
  const id = `topic-${table.name}`;
  const place = make("section", { id, "aria-labelledby": `${id}-title` });
  document.getElementById("tables").before(place);
  const section = panel(id, table.title);
  const lines = make("div");
  let block = table.blocks[table.drawn.block], { number } = table.drawn;

  /** The rows of the block with the number that is chosen; those that have it. */
  const marks = () =>
    block.rows.flatMap(([names, cells], at) => {
      const [text, mean, , , low, high] = cells[number] ?? [];
      const name = names.filter((word) => word !== "-").join(" ");
      return mean == null ? [] : [{ at, name, mean, low, high, told: `${name}: ${text} ${between(low == null ? null : [low, high])}` }];
    });

  const headers = () => block.headers.slice(block.rows[0]?.[0].length ?? 0);

  const describe = ({ ink, faint }, room) => {
    const values = marks();
    if (!values.length) return "No row has this number.";
    const names = { field: "name", type: "nominal", title: null, sort: values.map((value) => value.name) };
    const ends = values.flatMap(({ mean, low, high }) => [mean, low ?? mean, high ?? mean]);
    // Of a difference it matters on which side of none it lies.
    const differs = block.rows.some(([, cells]) => cells[number]?.[2].endsWith("/difference"));
    const x = { type: "quantitative", title: headers()[number], scale: { domain: spread(differs ? [...ends, 0] : ends), zero: false, nice: false } };
    const told = { field: "told", type: "nominal" };
    return {
      width: Math.min(room, 1000), height: STEP * new Set(names.sort).size,
      data: { values },
      layer: [
        ...(differs ? [{ data: { values: [{}] }, mark: { type: "rule", color: faint, strokeDash: [4, 3], aria: false }, encoding: { x: { ...x, datum: 0 } } }] : []),
        { transform: [{ filter: "isValid(datum.low)" }], mark: { type: "rule", color: faint, strokeWidth: 2, aria: false, clip: true }, encoding: { y: names, x: { ...x, field: "low" }, x2: { field: "high" } } },
        { mark: { type: "point", filled: true, size: 70, color: ink }, encoding: { y: names, x: { ...x, field: "mean" }, tooltip: told, description: told } },
      ],
    };
  };

  const chart = charted(() => `${table.title}: ${headers()[number]}`, describe, ({ at }) => showBehind(table, block, at, number), STEP * Math.max(...table.blocks.map(({ rows }) => rows.length)));
  const chosen = make("div", { class: "choices" });
  const draw = () => {
    refill(
      chosen,
      [
        table.blocks.length > 1
          ? choice("Part", table.blocks.map((one, at) => [at, blockTitle(one)]), table.blocks.indexOf(block), (at) => { block = table.blocks[at]; number = 0; draw(); })
          : null,
        headers().length > 1 ? choice("Number", headers().map((header, at) => [at, header]), number, (at) => { number = Number(at); draw(); }) : null,
        button("SVG", () => chart.saved(`${head.suite}-${table.name}`)),
      ],
    );
    lines.replaceChildren(...blockOf(table, block));
    // Before it has a place it draws itself when it gets one.
    if (chart.place.parentElement) chart.draw();
  };
  draw();
  section.append(chosen, chart.place, make("details", {}, make("summary", {}, "As a table"), lines), make("ul", { class: "faint" }, table.notes.map((note) => make("li", {}, make("p", {}, note)))));
}
