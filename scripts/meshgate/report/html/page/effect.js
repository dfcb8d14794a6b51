// What may happen to a call, the gravest first.
const CHANGES = {
  breaks: ["breaks", "c-broken", "breaks", "break"],
  exposed: ["turns to plaintext", "c-plaintext", "turns to plaintext", "turn to plaintext"],
  unknown: ["cannot be told any more", "c-depends", "cannot be told any more", "cannot be told any more"],
  "shut-out": ["shut out: no sidecar", "c-shut", "is shut out", "are shut out"],
  mends: ["works again", "c-mtls", "works again", "work again"],
  encrypted: ["turns to mutual TLS", "c-mtls", "turns to mutual TLS", "turn to mutual TLS"],
  moved: ["goes another way", "c-nothing", "goes another way", "go another way"],
  appears: ["is new", "c-nothing", "is new", "are new"],
  vanishes: ["is made no more", "c-nothing", "is made no more", "are made no more"],
};
const LISTED = 100;

function tellEffect() {
  if (!data.base) return;
  $("effect").hidden = false;
  $("effect-link").hidden = false;
  replace($("effect-body"), h("p", { class: "lead" }, `Against ${data.base}.`), data.effects.map(changed));
}

function changed(effect) {
  const count = (change) => effect.calls.reduce((sum, row) => sum + (row[0] === change ? row[2] : 0), 0);
  const ports = (change) => effect.ports.filter((row) => row[4] === change).length;
  const bad = count("breaks") || ports("loosened") || !effect.safe;
  const words = [
    ...Object.entries(CHANGES).map(([change, [, , one, many]]) =>
      count(change) && `${plural(count(change), "call")} ${count(change) === 1 ? one : many}`),
    ports("loosened") && `${plural(ports("loosened"), "port")} loosened`,
    ports("tightened") && `${plural(ports("tightened"), "port")} tightened`,
    effect.open.length && `${plural(effect.open.length, "change")} undecided`,
    effect.safe ? effect.ports.length + effect.calls.length && "no call fails on the way there" : "calls fail on the way there",
  ].filter(Boolean);
  const verdict = words.length ? words.join("; ") : "nothing changes";
  return h("section", {}, h("h3", {}, effect.environment),
    h("p", { class: `verdict ${bad ? "bad" : "good"}` }, `${verdict}.`),
    grid("Calls", ["what", "clients", "calls", "to", "before", "after"], effect.calls
      .slice().sort((a, b) => order(a) - order(b))
      .map(([change, who, number, host, port, subset, endpoint, before, after, , reason]) => [
        [h("i", { class: `dot ${(CHANGES[change] || ["", "c-nothing"])[1]}` }), (CHANGES[change] || [change])[0]],
        who, number.toLocaleString("en"), [h("code", {}, `${host}:${port}${subset ? ` (${subset})` : ""}`), endpoint ? h("div", { class: "by" }, endpoint) : ""],
        before, [after, reason ? h("div", { class: "by" }, reason) : ""],
      ])),
    grid("Ports", ["workload", "port", "before", "after", "change"], effect.ports.map(([workload, port, before, after, change]) =>
      [workload, port, side(before), side(after), change])),
    grid("On the way there", ["clients", "calls", "to", "proxies with", "what happens"], effect.unsafe.map(([who, number, host, port, combination, outcome]) =>
      [who, number.toLocaleString("en"), h("code", {}, `${host}:${port}`), combination, outcome])),
    grid("Uncovered", ["policy", "now decides", "ports", "calls"], effect.uncovered.map(([sort, policy, deleted, now, own, calls]) =>
      [[`${sort} `, h("code", {}, policy), deleted ? " (deleted)" : ""], now, own, calls.toLocaleString("en")])),
    grid("Not seen in the environment before", ["change", "environment", "there"], effect.unexercised),
    grid("Undecided", ["what", "", "", "", "", ""], effect.open.map((row) => row.map((value) => (Array.isArray(value) ? side(value) : String(value))))));
}

const order = ([change]) => Object.keys(CHANGES).indexOf(change);
const side = ([mode, level, policy]) => [h("strong", {}, mode), h("div", { class: "by" }, policy ? [`${level} `, h("code", {}, policy)] : level)];

function grid(title, headings, rows) {
  if (!rows.length) return "";
  return h("details", { open: rows.length <= 20 }, h("summary", {}, `${title} (${rows.length.toLocaleString("en")})`),
    h("div", { class: "scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, headings.map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, rows.slice(0, LISTED).map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell))))))),
    rows.length > LISTED ? h("p", { class: "by" }, `${rows.length - LISTED} more: meshgate diff --format json lists them all.`) : "");
}
