// What models say: a sample with its picture, and the answers of some rows beside the true one.

/** Show a sample that an address names, with what a row said. */
let showSample = () => {};

if (!answers) document.getElementById("answers").hidden = true;
else {
  const section = panel("answers", "What models say");
  const PAGE = 12;
  const known = (row) => numbers.rows.find(({ name }) => name === row);
  const named = (row) => (known(row).kind === "method" ? `${known(row).method} ${known(row).modality}` : known(row).method);
  const list = make("ol", { class: "samples" });
  const count = make("p", { class: "faint", "aria-live": "polite" });
  const more = button("More", () => draw(list.children.length + PAGE), { class: "more" });
  const chosen = { size: looked.size, split: "forget", task: "", person: "", kept: "" };
  let models = [], row = -1, beside = new Set();
  const choices_place = make("div", { class: "choices" });

  /** Whether a model's answer is the true one, as a reader takes it. */
  const right = (sample, model) => sample.said[model] >= 0 && answers.same[sample.said[model]] === answers.same[sample.answer];
  const original = () => models.find((model) => known(answers.models[model].row).method === "original");
  const is_kept = {
    "": () => true,
    lost: (sample) => right(sample, original()) && !right(sample, row),
    kept: (sample) => right(sample, original()) && right(sample, row),
    new: (sample) => !right(sample, original()) && right(sample, row),
  };

  /** The samples that are asked for. */
  const found = () =>
    answers.samples.filter(
      (sample) =>
        sample.size === chosen.size && (!chosen.split || sample.split === chosen.split) &&
        (!chosen.task || sample.task === chosen.task) && (!chosen.person || sample.person === chosen.person) &&
        (original() === undefined || row < 0 || is_kept[chosen.kept](sample)),
    );

  const draw = (most = PAGE) => {
    const samples = found();
    list.replaceChildren(...samples.slice(0, most).map(shownSample));
    count.textContent = `${Math.min(most, samples.length)} of ${samples.length} samples`;
    more.hidden = samples.length <= most;
  };

  /** A sample: what was asked, what is true, and what each chosen row said. */
  const shownSample = (sample) => {
    const truth = answers.texts[sample.answer];
    const asked = models.filter((model) => {
      const { method, kind } = known(answers.models[model].row);
      return kind !== "method" ? method === "original" || method === "gold" || beside.has(model) : model === row || beside.has(model);
    });
    const most = Math.max(...asked.flatMap((model) => lossesOf(sample, model)), 0.01);
    const said = asked.map((model) => {
      const text = sample.said[model];
      if (text < 0) return [named(answers.models[model].row), make("span", { class: "faint" }, "was not asked this")];
      const same = right(sample, model);
      const answer = make("span", {}, same ? answers.texts[text] : marked(answers.texts[text], truth));
      return [named(answers.models[model].row), make("span", {}, answer, same ? make("span", { class: "good" }, " ✓ the true answer") : answers.texts[text] ? null : make("span", { class: "faint" }, "(nothing)"), strip(lossesOf(sample, model), most))];
    });
    const of = [sample.split, sample.task, sample.person].filter(Boolean).join(" · ");
    const name = `${answers.models[row < 0 ? models[0] : row].row}:${addressOf(sample)}`;
    const link = make("a", { href: `#sample=${encodeURIComponent(name)}`, "aria-label": `Link to ${addressOf(sample)}` }, "link");
    return make(
      "li",
      { class: sample.picture === undefined ? "sample plain" : "sample", tabindex: "-1" },
      sample.picture === undefined ? null : make("img", { src: answers.pictures[sample.picture], alt: sample.person ? `Picture of ${sample.person}` : "Picture asked about", loading: "lazy" }),
      make("div", {}, make("span", { class: "faint" }, of, " · ", link), facts([["asked", answers.texts[sample.question]], ["true answer", truth], ...said])),
    );
  };

  /** Save what every model said of all samples that are chosen, not only those that are drawn. */
  const saveChosen = () => {
    const lines = found().map((sample) => [
      sample.size, sample.split, sample.task, sample.id, sample.person, answers.texts[sample.question], answers.texts[sample.answer],
      ...models.map((model) => (sample.said[model] < 0 ? null : answers.texts[sample.said[model]])),
    ]);
    const names = ["forget_size", "split", "task", "id", "person", "question", "answer"];
    save(`${head.suite}-answers.csv`, csv([[...names, ...models.map((model) => answers.models[model].row)], ...lines]), "text/csv");
  };

  /** The choices, which depend on the size. */
  const chooseBy = () => {
    const pairs = (values, all) => [["", all], ...[...new Set(values)].filter(Boolean).sort().map((value) => [value, value])];
    models = answers.models.map((_, at) => at).filter((at) => answers.models[at].size === chosen.size);
    const of_methods = models.filter((model) => known(answers.models[model].row).kind === "method");
    if (!of_methods.includes(row)) row = of_methods[0] ?? -1;
    const here = answers.samples.filter((sample) => sample.size === chosen.size);
    const follow = (name) => (value) => { chosen[name] = value; draw(); };
    const names = models.map((model) => [model, named(answers.models[model].row)]);
    refill(
      choices_place,
      [
        head.sizes.length > 1
          ? choice("Forget size", head.sizes.map((size) => [size, `${size} %`]), chosen.size, (size) => { chosen.size = Number(size); chooseBy(); draw(); })
          : null,
        row < 0 ? null : choice("Row", of_methods.map((model) => [model, named(answers.models[model].row)]), row, (model) => { row = Number(model); draw(); }),
        choice("Split", pairs(here.map(({ split }) => split), "all"), chosen.split, follow("split")),
        choice("Task", pairs(here.map(({ task }) => task), "all"), chosen.task, follow("task")),
        choice("Person", pairs(here.map(({ person }) => person), "all"), chosen.person, follow("person")),
        choice("Which", [["", "all samples"], ["lost", "known to the original, not to the row"], ["kept", "known to both"], ["new", "known to the row alone"]], chosen.kept, follow("kept")),
        button("CSV", saveChosen),
        make("details", {}, make("summary", {}, "More rows beside it"), choices("Rows", names, beside, () => draw())),
      ],
    );
  };

  const left = answers.shown.map(([size, split, task, shown, all]) => `${split} ${task} at ${size} %: ${shown} of ${all}`);
  section.append(
    make("p", {}, "Words that the true answer does not have are marked. One model of each row was asked, of the first seed. The strips have the losses of the answers that it could choose from, from 0 on the left: the lower, the likelier the answer is to it. The true answer is the tall mark, its paraphrase the broken one, false ones are faint."),
    choices_place, count, list, more,
    make("details", { class: "faint" }, make("summary", {}, "What is left out"),
      make("p", {}, answers.real_persons ? "Nothing but what the budget of the page does not hold." : `All samples about real persons and things${answers.fictitious ? "" : ", and about everybody else, for the dataset's file does not say \`fictitious: true\`"}, unless the page is made with --with-real-persons; and what the budget of the page does not hold.`),
      make("ul", {}, left.map((text) => make("li", {}, text)))),
  );
  chooseBy();
  draw();

  showSample = (name, address) => {
    const model = answers.models.findIndex(({ row }) => row === name);
    const size = answers.models[model]?.size;
    const sample = answers.samples.find((one) => one.size === size && addressOf(one) === address);
    if (!sample) {
      count.textContent = `This page has no sample ${[name, address].filter(Boolean).join(":")}.`;
      section.scrollIntoView();
      return;
    }
    Object.assign(chosen, { size, split: sample.split, task: sample.task, person: sample.person ?? "", kept: "" });
    if (known(name).kind === "method") row = model;
    chooseBy();
    draw(Infinity);
    const shown = list.children[found().indexOf(sample)];
    shown.focus();
    shown.scrollIntoView({ block: "center" });
  };
}

/** A sample's name in an address. */
function addressOf(sample) {
  return [sample.split, sample.task, sample.id].join("/");
}

/** What a model loses on the candidates of a sample: the true answer, its paraphrase, false ones. */
function lossesOf(sample, model) {
  const written = sample.losses[model] || "";
  return (written.match(/../g) ?? []).map((digits) => parseInt(digits, 36) / 100);
}

/** Losses as marks on a line that ends at the most. */
function strip([truth, paraphrase, ...others], most) {
  if (truth === undefined) return null;
  const mark = (kind, loss) => make("i", { class: kind, style: `left:${((100 * loss) / most).toFixed(1)}%` });
  const range = others.length ? `; false ones ${decimals(Math.min(...others), 2)} to ${decimals(Math.max(...others), 2)}` : "";
  const told = `Losses: true answer ${decimals(truth, 2)}, paraphrase ${decimals(paraphrase, 2)}${range}`;
  return make("span", { class: "strip", role: "img", "aria-label": told, title: told }, others.map((loss) => mark("other", loss)), mark("paraphrase", paraphrase), mark("truth", truth));
}

/** A text with the words marked that another has not. */
function marked(text, truth) {
  const plain = (word) => word.toLowerCase().replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "");
  const known = new Set(truth.split(/\s+/).map(plain));
  return text.split(/(\s+)/).map((word) => (known.has(plain(word)) || !word.trim() ? word : make("mark", {}, word)));
}
