// The runs of several groups: each with whose it is and whether it holds, and their rows beside each other.
{
  const { crates, boards } = data;
  const section = panel("head", "Leaderboard", "h1");

  /** Whether a crate holds, with the faults that do not. */
  const verdict = ({ faults }) =>
    make(
      "span",
      { class: faults.length ? "bad" : "good", title: faults.join("\n") || null },
      faults.length ? `✗ ${faults.length} ${faults.length > 1 ? "faults" : "fault"}` : "✓ holds",
    );

  /** Whose a row is; of one who has several crates, with the crate's name. */
  const owner = (crate) => {
    const [name, ...others] = [crate, ...crates.filter((one) => one !== crate)].map((one) => one.signed || one.whose);
    return others.includes(name) ? `${name} (${crate.name})` : name;
  };

  const lines = crates.map((crate) => ({
    cells: [crate.name, crate.whose, crate.signed, verdict(crate), crate.scores, crate.model, crate.dataset, crate.seeds, crate.hardware, crate.commit],
    values: [crate.name, crate.whose, crate.signed, crate.faults.length, crate.scores, crate.model, crate.dataset, crate.seeds, crate.hardware, crate.commit],
  }));
  const names = (...texts) => texts.map((text) => ({ text, names: true }));
  section.append(
    make(
      "p",
      {},
      "Each row is of a crate that a group has published. It holds where its files have the checksums that it lists, every" +
        " artifact is made from what lies in it, and its tables are what its scores give; a crate with its data also shows that" +
        " the scores are what the answers give. Whose a crate is, is what it says of itself, unless it is signed.",
    ),
    grid("Crates", [...names("crate", "whose", "signed by"), "verified", ...names("scores", "model", "dataset", "seeds", "computed on", "commit")], lines),
    ...crates
      .filter((crate) => crate.faults.length)
      .map((crate) =>
        make(
          "details",
          {},
          make("summary", {}, `What does not hold of ${crate.name}`),
          make("ul", {}, crate.faults.map((fault) => make("li", {}, make("p", {}, fault)))),
        ),
      ),
  );

  const place = panel("boards", "Rows");
  place.append(make("p", {}, "Only what was asked the same is in one table: the same data, the same model, as much to be forgotten."));
  for (const board of boards) {
    const heads = [...names("row", "modality", "whose"), "verified", ...names("computed on"), "seeds", ...board.headers];
    const rows = board.rows.map((row) => {
      const crate = crates[row.crate];
      const numbers = row.cells.map(({ text, interval, reason }) =>
        make("td", { title: [between(interval), reason].filter(Boolean).join(" ") || null }, text),
      );
      return {
        cells: [row.method, row.modality, owner(crate), verdict(crate), crate.hardware, String(row.seeds), ...numbers],
        values: [row.method, row.modality, owner(crate), crate.faults.length, crate.hardware, row.seeds, ...row.cells.map(({ mean }) => mean ?? null)],
      };
    });
    const told = board.rows.map((row) => {
      const crate = crates[row.crate];
      return [row.method, row.modality, crate.name, crate.signed || crate.whose, crate.faults.length, crate.hardware, row.seeds, ...row.cells.map(({ mean }) => mean)];
    });
    const heading = ["row", "modality", "crate", "whose", "faults", "computed on", "seeds", ...board.keys];
    place.append(
      make(
        "div",
        { class: "choices" },
        make("h3", {}, board.title),
        button("CSV", () => save("leaderboard.csv", csv([heading, ...told]), "text/csv")),
      ),
      grid(board.title, heads, rows),
    );
  }
}
