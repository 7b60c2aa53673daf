// All tables of the suite as they are printed, drawn when they are opened.
{
  const section = panel("tables", "All tables");
  section.append(make("p", { class: "faint" }, "The same as in the folder tables of the suite. A number opens its proof."));

  for (const table of tables) {
    const place = make("div");
    const fill = () => {
      if (place.childElementCount) return;
      place.append(
        ...(table.left_out ? [make("p", {}, `Too large for this page; it lies in tables/${table.name}.csv.`)] : table.blocks.flatMap((one) => blockOf(table, one))),
        make("ul", {}, table.notes.map((note) => make("li", {}, make("p", {}, note)))),
      );
    };
    const folded = make("details", { ontoggle: () => folded.open && fill() }, make("summary", {}, make("b", {}, table.title), " ", make("span", { class: "faint" }, table.name)), place);
    section.append(folded);
  }
}

/** A block of a table, with its CSV; a number opens its proof. */
function blockOf(table, block) {
  const { headers, rows } = block;
  const labels = rows[0]?.[0].length ?? 0;
  const lines = rows.map(([names, cells], at) => ({
    cells: [...names, ...cells.map(([text, , key], number) =>
      make("td", {}, button(text, () => showBehind(table, block, at, number), { "aria-label": `${names.join(" ")}, ${key}: ${text}` })))],
    values: [...names, ...cells.map(([, value]) => value)],
  }));
  const title = blockTitle(block);
  const heads = headers.map((text, at) => (at < labels ? { text, names: true } : text));
  const name = `${head.suite}-${table.name}-${title}.csv`.replace(/[^\w.-]+/g, "-");
  const file = () => save(name, csv([headers, ...rows.map(([names, cells]) => [...names, ...cells.map(([, value]) => value)])]), "text/csv");
  return [make("div", { class: "choices" }, make("h3", {}, title), button("CSV", file)), grid(`${table.title}, ${title}`, heads, lines)];
}

/** What a block is of. */
function blockTitle({ size, topic }) {
  return [`forget ${size} %`, topic].filter(Boolean).join(", ");
}

/** The proof of a number of a table, by its row and place in the block. */
function showBehind(table, block, at, number) {
  const [names, cells] = block.rows[at];
  const [text, , key, behind] = cells[number];
  showProof(`${names.join(" ")}: ${key}`, [["number", text], ["table", table.name]], table.behind[behind], key, valuesOf(key));
}
