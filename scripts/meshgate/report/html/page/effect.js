// The colour of what may happen to a call; the words are in `data.verbs`, and calls come in order.
const COLOURS = {
  breaks: "c-broken", "led-away": "c-broken", "shut-out": "c-shut", exposed: "c-plaintext", unknown: "c-depends", mends: "c-mtls", encrypted: "c-mtls",
  closed: "c-depends", opened: "c-depends",
};
const LISTED = 100;

function tellEffect() {
  if (!data.base) return;
  $("effect").hidden = false;
  $("effect-link").hidden = false;
  // What is the same in several environments is told once.
  const told = new Map();
  for (const { environment, ...effect } of data.effects) {
    const way = data.steps.find(([name]) => name === environment);
    const key = JSON.stringify([effect, way && way[1].replaceAll(environment, "\u0000")]);
    if (!told.has(key)) told.set(key, { effect, way, names: [] });
    told.get(key).names.push(environment);
  }
  replace($("effect-body"), h("p", { class: "lead" }, `Against ${data.base}.`), [...told.values()].map(changed));
}

function changed({ effect, way, names }) {
  const tone = { error: "bad", warning: "doubtful" }[effect.gravity] || "good";
  return h("section", {}, h("h3", {}, inRow(names)),
    h("p", { class: `verdict ${tone}` }, `${effect.verdict}.`),
    grid("Calls", ["what", "clients", "calls", "to", "before", "after"], effect.calls
      .map(([change, who, number, host, port, subset, endpoint, before, after, , reason, words]) => [
        [h("span", { class: "whole" }, h("i", { class: `dot ${dotOf(change, after)}` }), words || data.verbs[change][number === 1 ? 0 : 1])],
        unbroken(who), number.toLocaleString("en"), [h("code", {}, `${host}:${port}${subset ? ` (${subset})` : ""}`), endpoint ? h("div", { class: "by" }, endpoint) : ""],
        h("span", { class: "whole" }, before), [h("span", { class: "whole" }, after), reason ? h("div", { class: "by" }, reason) : ""],
      ])),
    grid("Let in or denied by policies", ["who, to what, and one request as example"], effect.access.map((text) => [text])),
    grid("Ports", ["workload", "port", "before", "after", "change"], effect.ports.map(([workload, port, before, after, change]) =>
      [workload, port, side(before), side(after), change])),
    grid("On the way there", ["clients", "calls", "to", "proxies with", "what happens"], effect.unsafe.map(([who, number, host, port, combination, outcome]) =>
      [unbroken(who), number.toLocaleString("en"), h("code", {}, `${host}:${port}`), combination, outcome])),
    way ? h("details", { open: true, class: "way" }, h("summary", {}, names.length > 1 ? `The safe steps, as of ${names[0]}` : "The safe steps"), h("pre", {}, way[1])) : "",
    grid("Uncovered", ["policy", "now decides", "ports", "calls"], effect.uncovered.map(([sort, policy, deleted, now, own, calls]) =>
      [[`${sort} `, h("code", {}, policy), deleted ? " (deleted)" : ""], now, own, calls.toLocaleString("en")])),
    grid("Not seen in the environment before", ["what"], effect.unexercised.map((text) => [text])),
    grid("Undecided", ["what"], effect.open.map((text) => [text])));
}

// What arrives in plaintext is never green.
const dotOf = (change, after) => (change === "mends" && after === "ok-plaintext" ? "c-plaintext" : COLOURS[change] || "c-nothing");
const side = ([mode, level, policy]) => [h("strong", {}, mode), h("div", { class: "by" }, policy ? [`${level} `, h("code", {}, policy)] : level)];

function grid(title, headings, rows) {
  if (!rows.length) return "";
  return h("details", { open: rows.length <= 20 }, h("summary", {}, `${title} (${rows.length.toLocaleString("en")})`),
    h("div", { class: "scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, headings.map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, rows.slice(0, LISTED).map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell))))))),
    rows.length > LISTED ? h("p", { class: "by" }, `${rows.length - LISTED} more: --format json of the command lists them all.`) : "");
}
