// What may happen to a call, the gravest first.
const CHANGES = {
  breaks: ["breaks", "c-broken"],
  exposed: ["turns to plaintext", "c-plaintext"],
  unknown: ["cannot be told any more", "c-depends"],
  "shut-out": ["shut out: no sidecar", "c-shut"],
  mends: ["works again", "c-mtls"],
  encrypted: ["turns to mutual TLS", "c-mtls"],
  moved: ["goes another way", "c-nothing"],
  appears: ["is new", "c-nothing"],
  vanishes: ["is made no more", "c-nothing"],
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
    ports("tightened") && `${plural(ports("tightened"), "port")} tightened`,
    ports("loosened") && `${plural(ports("loosened"), "port")} loosened`,
    ...Object.entries(CHANGES).map(([change, [text]]) => count(change) && `${plural(count(change), "call")}: ${text}`),
    effect.safe ? "" : "the way there is not safe",
    effect.open.length && `${plural(effect.open.length, "change")} undecided`,
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
