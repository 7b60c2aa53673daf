// The proof of a number: its runs, its score file, and the artifacts from there down to the data.

const dialog = document.getElementById("proof");

// Artifacts come as lists of their fields.
proof.artifacts = proof.artifacts.map((values) => Object.fromEntries(values.map((value, at) => [proof.fields[at], value])));

/** Show the proof of a row's number. */
function showNumber(row, number) {
  const { text, interval, std, place, near, reason } = row.cells[number];
  const { key, header, digits } = numbers.columns[number];
  const told = [
    ["number", text],
    ["95 % interval", between(interval, digits)],
    ["deviation over seeds", decimals(std, digits)],
    ["from original to gold", place == null ? "" : `${Math.round(place * 100)} % of the way`],
    ["noise", near ? "not told from gold by more than the noise" : ""],
    ["reason", reason],
    ["note", row.note],
  ];
  showProof(`${row.name}: ${header}`, told, row.runs, key, valuesOf(key));
  // The address leads here again.
  history.replaceState(null, "", `#proof=${encodeURIComponent(`${row.name}:${key}`)}`);
}

/** Show the runs behind a number, and the chain of one of them. */
function showProof(title, told, runs, key, values = () => null) {
  const chain = make("div");
  const choose = (run) => {
    for (const opened of table.querySelectorAll("[aria-pressed]"))
      opened.setAttribute("aria-pressed", String(Number(opened.dataset.run) === run));
    chain.replaceChildren(...chainOf(run, key));
  };
  const rows = runs.map((run) => {
    const [value, ...ends] = values(run) ?? [];
    const { name, state, reason, artifact } = proof.runs[run];
    const shown = button(name, () => choose(run), { "aria-pressed": "false", "data-run": run });
    const file = `${proof.artifacts[artifact].name}/${proof.scores}`;
    return {
      cells: [shown, value == null ? "" : String(value), ends.length ? between(ends, 6) : "", reason || state, make("td", { class: "text" }, make("code", {}, file)), make("td", { class: "text" }, make("code", {}, key))],
      values: [name, value ?? null, ends[0] ?? null, state, file, key],
    };
  });
  const headers = ["run", "value", "95 % interval over persons", "state", "score file", "key"].map((text, at) => (at === 1 || at === 2 ? text : { text, names: true }));
  const table = grid("Runs of this number", headers, rows);
  if (runs.length) choose(runs[0]);
  showDialog(title, facts(told), table, chain);
}

/** Show something in the dialog, from its top. */
function showDialog(title, ...content) {
  dialog.replaceChildren(make("form", { method: "dialog" }, make("h2", { id: "proof-title" }, title), make("button", {}, "Close")), ...content);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

/** What one run's number was made from, the scores first and the data last, and how to check it. */
function chainOf(run, key) {
  const { name, artifact } = proof.runs[run];
  const known = numbers.columns.some((column) => column.key === key);
  const cell = known ? `${name}:${key}` : name;
  const of = `--suite ${head.suite}`;
  return [
    make("h3", {}, `Chain of ${name}`),
    make("p", { class: "faint" }, "From the scores down to the dataset; what is needed twice is told once."),
    make("p", {}, make("b", {}, "When the page was made: "), stood(run)),
    make("ol", { class: "chain" }, reached(artifact).map((number, at) => make("li", {}, artifactOf(number, at === 0)))),
    make("h3", {}, "Check it here"),
    command(`clearbench audit ${of} --cell ${cell}`),
    command(`clearbench why ${of} ${name}`),
    command(`clearbench audit ${of} --cell ${name} --reexecute`),
  ];
}

/** What was found of a run and its chain when the page was made. */
function stood(run) {
  const { state, reason } = proof.runs[run];
  if (state === "proven" || state === "diverged")
    return "each link was made by the settings, the code, the inputs and the environment that the suite asks for, and its files were those that its job wrote.";
  return `not proven: ${reason || state}.`;
}

/** The numbers of runs under a score's key, each with the ends of its interval; none of another key. */
function valuesOf(key) {
  const number = numbers.columns.findIndex((column) => column.key === key);
  return (run) => (number < 0 ? null : proof.runs[run].values?.[number]);
}

/** An artifact and all that it is made from, each after what is made from it. */
function reached(number) {
  const seen = new Set([number]);
  for (const one of seen) for (const [, source] of proof.artifacts[one].from ?? []) seen.add(source);
  return [...seen].sort((a, b) => b - a);
}

/** An artifact with how it was made. */
function artifactOf(number, opened) {
  const made = proof.artifacts[number];
  const text = (field) => (made[field] == null ? "" : shared[made[field]]);
  const commit = text("commit") ? text("commit") + (made.dirty == null ? "" : ", with changes") : "unknown";
  const sources = (made.from ?? []).map(([name, source]) => `${shared[name]}: ${proof.artifacts[source].name}`);
  const details = made.record
    ? facts([
        ["made from", make("span", {}, sources.length ? sources.join(", ") : "nothing that a job made")],
        ["manifest (sha256)", make("code", {}, made.manifest ?? "")],
        ["record (sha256)", make("code", {}, made.record)],
        ["diverged", made.diverged == null ? "" : `at step ${made.diverged}`],
        ["training", trained(made.trained)],
        ["started", made.started],
        ["duration", `${made.seconds} s`],
        ["peak memory", made.memory == null ? "" : `${(made.memory / 2 ** 20).toFixed(0)} MiB`],
        ["host", text("host")],
        ["computed on", text("gpu") || text("processor")],
        ["commit", make("code", {}, commit)],
        ["code (fingerprint)", make("code", {}, text("code"))],
        ["lock (sha256)", make("code", {}, text("lock"))],
        ["image (sha256)", make("code", {}, text("image") || "none")],
        ["taken over from", (made.taken ?? []).map((taken) => shared[taken]).join(", ")],
        ["settings", make("code", {}, text("settings"))],
      ])
    : make("p", { class: "bad" }, "Not made yet.");
  const words = made.command?.map((word) => shared[word]).join(" ");
  return make(
    "details",
    { open: opened },
    make("summary", {}, make("b", {}, made.name), " ", make("span", { class: "faint" }, shared[made.stage])),
    details,
    words ? command(words) : null,
  );
}

/** How many steps a training took, and from which loss to which. */
function trained(measured) {
  if (!measured) return "";
  const [steps, ...losses] = measured;
  return `${steps} steps, loss ${losses.map((loss) => Number(loss.toPrecision(4))).join(" → ")}`;
}

/** A command with a button that copies it. */
function command(words) {
  const text = make("pre", {}, words);
  const copy = button("Copy", async () => {
    getSelection().selectAllChildren(text);
    try {
      await navigator.clipboard.writeText(words);
      copy.textContent = "Copied";
    } catch {
      copy.textContent = "Selected";
    }
  }, { class: "copy", "aria-label": `Copy ${words.slice(0, 60)}` });
  return make("div", { class: "command" }, text, copy);
}

dialog.addEventListener("close", () => history.replaceState(null, "", location.pathname + location.search));
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
