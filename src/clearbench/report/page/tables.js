// All tables of the suite as they are printed, drawn when they are opened.
{
  const section = panel("tables", "All tables");
  section.append(make("p", { class: "faint" }, `The same as in the folder tables of the suite. A number opens its proof.`));

  /** A block of a table. */
  const block = (table, { size, topic, headers, rows }) => {
    const labels = rows[0]?.[0].length ?? 0;
    const lines = rows.map(([names, cells]) => ({
      cells: [...names, ...cells.map(([text, , key, behind]) =>
        make("td", {}, button(text, () => showProof(`${names.join(" ")}: ${key}`, [["number", text], ["table", table.name]], table.behind[behind], key), { "aria-label": `${names.join(" ")}, ${key}: ${text}` })))],
      values: [...names, ...cells.map(([, value]) => value)],
    }));
    const title = [`forget ${size} %`, topic].filter(Boolean).join(", ");
    const heads = headers.map((text, at) => (at < labels ? { text, names: true } : text));
    const name = `${head.suite}-${table.name}-${size}${topic ? `-${topic}` : ""}.csv`.replace(/[^\w.-]+/g, "-");
    const file = () => save(name, csv([headers, ...rows.map(([names, cells]) => [...names, ...cells.map(([, value]) => value)])]), "text/csv");
    return [make("div", { class: "choices" }, make("h3", {}, title), button("CSV", file)), grid(`${table.title}, ${title}`, heads, lines)];
  };

  for (const table of tables) {
    const place = make("div");
    const fill = () => {
      if (place.childElementCount) return;
      place.append(
        ...(table.left_out ? [make("p", {}, `Too large for this page; it lies in tables/${table.name}.csv.`)] : table.blocks.flatMap((one) => block(table, one))),
        make("ul", {}, table.notes.map((note) => make("li", {}, make("p", {}, note)))),
      );
    };
    const folded = make("details", { ontoggle: () => folded.open && fill() }, make("summary", {}, make("b", {}, table.title), " ", make("span", { class: "faint" }, table.name)), place);
    section.append(folded);
  }
}
