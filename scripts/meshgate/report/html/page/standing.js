// What was judged and when, what is accepted until when, and how environments came to what they have.
const SOON = 30;

function tellHead() {
  const { head, tool, today } = data;
  replace($("head"), [
    head ? [h("code", {}, head.commit), head.branch ? ` on ${head.branch}` : "", head.changed ? ", with edits that are not committed" : "", `, ${moment(head.date)} · `] : "",
    `judged as of ${today} · meshgate ${tool.version}`,
  ].flat());
}

const moment = (iso) => `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;

function left(days) {
  if (days < 0) return h("strong", { class: "t-disable" }, `ended ${plural(-days, "day")} ago`);
  const text = days ? `ends in ${plural(days, "day")}` : "ends today";
  return days <= SOON ? h("strong", { class: "t-permissive" }, text) : text;
}

function tellExceptions() {
  const rows = data.exceptions;
  $("exceptions").hidden = $("exceptions-link").hidden = !rows.length;
  if (!rows.length) return;
  const over = rows.filter((row) => row[7] < 0).length, soon = rows.filter((row) => row[7] >= 0 && row[7] <= SOON).length;
  replace($("exceptions-lead"), `${plural(rows.length, "exception")}: ${over ? `${over} over, ` : ""}${soon ? `${soon} within ${SOON} days` : `none ends within ${SOON} days`}. The one that ends first is at the top.`);
  replace($("exceptions-table"),
    h("thead", {}, h("tr", {}, ["environment", "what", "about", "owner", "why", "until", "covers now"].map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, rows.slice().sort((a, b) => a[7] - b[7]).map(([environment, sort, about, path, owner, reason, until, days, covers]) => h("tr", {},
      h("td", {}, environment), h("th", { scope: "row" }, sort.match(/^[A-Z]{2}\d/) ? h("span", { class: "whole" }, sort) : sort),
      h("td", {}, about ? h("code", {}, breakable(about)) : "", path ? h("div", { class: "by" }, h("code", {}, path)) : ""),
      h("td", { class: "whole" }, owner), h("td", {}, reason), h("td", { class: "whole" }, until, h("div", { class: "by" }, left(days))),
      h("td", {}, covers === null ? "" : covers ? h("span", { class: "whole" }, plural(covers, "finding")) : h("strong", { class: "t-permissive" }, "nothing any more"))))));
}

function tellPromotion() {
  const all = data.timelines;
  $("promotion").hidden = $("promotion-link").hidden = !all.length;
  replace($("promotion-body"), all.map(({ environment, release, since, following, events, lacking }) => h("article", { class: "tile wide" },
    h("h3", {}, environment, h("span", { class: "tag" }, release)),
    h("p", { class: "by" }, [since ? `since ${moment(since)}` : "", following.length ? `next: ${following.join("; ")}` : ""].filter(Boolean).join(" · ")),
    trend(environment, events),
    lacking ? h("p", { class: "by" }, `${events.length ? "Not further back" : "No trend"}: ${lacking}.`) : "",
    h("ol", { class: "timeline" }, events.map(([at, event, what, by, commit, does, ports, strict]) => h("li", { class: `e-${event}` },
      h("time", { datetime: at }, moment(at)), h("strong", {}, event), " ", what ? h("span", { class: "tag" }, what) : "",
      h("div", {}, does.length ? does.join(", ") : "nothing changes for any port or call"),
      h("div", { class: "by" }, ports ? `${strict} of ${plural(ports, "port")} STRICT, ` : "", by ? `by ${by}, ` : "", h("code", {}, commit))))))));
}

// Share of ports that take mutual TLS only, after each event; the list beside it says the same.
function trend(environment, events) {
  const points = events.filter(([, , , , , , ports]) => ports).reverse();
  if (!points.length) return "";
  const shares = points.map(([, , , , , , ports, strict]) => strict / ports);
  const [wide, high, edge, left] = [260, 56, 6, 34];
  const x = (index) => left + (points.length === 1 ? 1 : index / (points.length - 1)) * (wide - edge - left);
  const y = (share) => high - edge - share * (high - 2 * edge);
  const line = shares.map((share, index) => `${index ? "L" : "M"}${x(index).toFixed(1)} ${y(share).toFixed(1)}`).join("");
  const percent = (share) => `${Math.floor(100 * share)} %`;
  const words = `STRICT ports of ${environment}: ${percent(shares[0])} then, ${percent(shares[shares.length - 1])} now`;
  return h("figure", { class: "trend" },
    svg("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": words },
      svg("path", { d: `M${left} ${y(0)}H${wide - edge}M${left} ${y(1)}H${wide - edge}`, class: "axis" }),
      ...[0, 1].map((share) => svg("text", { x: left - 5, y: y(share) + 3 }, percent(share))),
      svg("path", { d: line, class: "line" }),
      ...shares.map((share, index) => svg("circle", { cx: x(index).toFixed(1), cy: y(share).toFixed(1), r: 3 }))),
    h("figcaption", { class: "by" }, points.length > 1 && shares[0] !== shares[shares.length - 1] ? `${percent(shares[0])} → ${percent(shares[shares.length - 1])} of ports STRICT` : `${percent(shares[shares.length - 1])} of ports STRICT ${points.length === 1 ? `since ${points[0][0].slice(0, 10)}` : `all along, ${points[0][0].slice(0, 10)} to ${points[points.length - 1][0].slice(0, 10)}`}`));
}

function tellBaseline() {
  const all = data.baselines;
  $("baseline").hidden = $("baseline-link").hidden = !all.length;
  replace($("baseline-body"), all.map(({ environment, points, sentence }) => h("article", { class: "tile wide" },
    h("h3", {}, environment, h("span", { class: "tag" }, plural(points[points.length - 1][1], "finding"))),
    burnDown(environment, points),
    h("p", { class: "by" }, sentence))));
}

// What is left of the baseline, day by day, in steps: a number holds until the next commit.
function burnDown(environment, points) {
  const [wide, high, edge] = [260, 72, 6];
  const days = points.map(([day]) => Date.parse(day)), start = days[0], length = Math.max(Date.parse(data.today), days[days.length - 1]) - start;
  const most = Math.max(1, ...points.map(([, left]) => left));
  const x = (index) => (edge + (length ? (days[index] - start) / length : points.length > 1 ? index / (points.length - 1) : 0) * (wide - 2 * edge)).toFixed(1);
  const y = (left) => (high - edge - (left / most) * (high - 2 * edge)).toFixed(1);
  const line = points.map(([, left], index) => (index ? `H${x(index)}V${y(left)}` : `M${x(0)} ${y(left)}`)).join("") + `H${wide - edge}`;
  const [first, last] = [points[0][1], points[points.length - 1][1]];
  return h("figure", { class: "trend" },
    svg("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": `Baseline of ${environment}: ${plural(first, "finding")} then, ${last} now` },
      svg("path", { d: `M${edge} ${high - edge}H${wide - edge}`, class: "axis" }),
      svg("path", { d: `${line}V${high - edge}H${edge}Z`, class: "left" }),
      svg("path", { d: line, class: "line" }),
      ...points.flatMap(([, left, promoted], index) => (promoted ? [svg("circle", { cx: x(index), cy: y(left), r: 3 })] : []))),
    h("figcaption", { class: "by" }, points.length === 1 ? `${first} since ${points[0][0]}` : `${first} → ${last}, ${points[0][0]} to ${points[points.length - 1][0]}`));
}

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
