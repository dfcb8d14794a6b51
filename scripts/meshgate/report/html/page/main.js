function overview() {
  replace($("notices"),
    notJudged().map(([message, names]) => h("p", { class: "notice bad" }, h("strong", {}, `${inRow(names)} ${names.length === 1 ? "was" : "were"} not judged. `), message)),
    data.notes.map((note) => h("p", { class: "notice" }, note)));
  replace($("tiles"), data.environments.map((environment) => tile(environment)));
}

// The environments that could not be judged, by why.
function notJudged() {
  const names = new Map();
  for (const { environment, message } of data.failures) names.set(message, [...(names.get(message) || []), environment]);
  return [...names];
}

function tile({ name, posture, calls, facts: given }) {
  const counts = {};
  for (const namespace of posture.namespaces) {
    for (const [state, number] of Object.entries(namespace.counts)) counts[state] = (counts[state] || 0) + number;
  }
  const all = ports(counts), workloads = posture.namespaces.reduce((sum, own) => sum + own.workloads.length, 0);
  const broken = calls.edges.reduce((sum, row) => sum + (kind(row, calls) === "broken" ? row[9] : 0), 0);
  const own = data.findings.filter((finding) => finding.environment === name && !finding.waiver);
  const covered = posture.namespaces.reduce((sum, own) => sum + own.workloads.filter(([, , lines]) => lines.length && lines.every(([, state]) => state === "strict")).length, 0);
  const share = workloads ? Math.floor((100 * covered) / workloads) : 0;
  const facts = [
    ["workloads without sidecar", counts.outside || 0],
    ["ports STRICT", `${counts.strict || 0} of ${all}`],
    ["ports that take plaintext", sum(counts, OPEN)],
    ["ports undecided", counts.undecided || 0],
    ["calls with a sidecar that fail", broken],
    ["errors, warnings", `${own.filter((one) => one.severity === "error").length}, ${own.filter((one) => one.severity === "warning").length}`],
  ];
  return h("article", { class: "tile" }, h("h3", {}, name),
    h("p", { class: `big ${share === 100 ? "t-strict" : ""}` }, `${covered} of ${workloads}`),
    h("p", { class: "by" }, `workloads take mutual TLS only (${share}\u00a0%), in ${plural(posture.namespaces.length, "namespace")}`),
    bar(segments(counts), Math.max(1, sum(counts, ORDER))),
    h("dl", {}, facts.map(([term, value]) => [h("dt", {}, term), h("dd", {}, value.toLocaleString("en"))])),
    given.length ? h("details", {}, h("summary", {}, "What was taken as true"), h("dl", {}, given.map(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]))) : "");
}

function themes() {
  const button = $("theme");
  const set = (dark) => {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    button.textContent = dark ? "Light" : "Dark";
    button.setAttribute("aria-pressed", String(dark));
    document.dispatchEvent(new Event("themechange"));
  };
  set(matchMedia("(prefers-color-scheme: dark)").matches);
  button.addEventListener("click", () => set(document.documentElement.dataset.theme !== "dark"));
}

themes();
overview();
tellHead();
tellEffect();
tellExceptions();
tellBaseline();
tellPromotion();
tellAccess();
matrix();
listFindings();
drawCalls();
keepViews();
document.documentElement.dataset.ready = "true";
