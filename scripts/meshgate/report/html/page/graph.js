// The kinds of calls, the gravest first: in words of one call, the colour variable, the style, and in
// words of several.
const KINDS = {
  broken: ["fails", "--disable", "c-broken", "fail"],
  depends: ["depends on the application, or undecided", "--undecided", "c-depends", "depend on the application, or undecided"],
  plaintext: ["works in plaintext", "--permissive", "c-plaintext", "work in plaintext"],
  shut: ["shut out: no sidecar", "--outside", "c-shut", "shut out: no sidecar"],
  mtls: ["works with mutual TLS", "--strict", "c-mtls", "work with mutual TLS"],
  nothing: ["nothing answers", "--line", "c-nothing", "where nothing answers"],
};
const HIDDEN_AT_FIRST = new Set(["nothing"]);
const NODE = { width: 180, height: 30, gap: 12 };
const STEP = NODE.height + NODE.gap;

function kind(row, calls) {
  const [client, service, , , sends, , outcome, verdict] = row;
  if (outcome === "no-endpoint") return "nothing";
  if (verdict === "broken") {
    if (calls.clients[client][1] === "none") return "shut";
    // Outside the mesh the application may bring TLS of its own.
    return calls.services[service][2] && sends === "plaintext" ? "depends" : "broken";
  }
  if (verdict !== "works") return "depends";
  return outcome === "ok-mtls" ? "mtls" : "plaintext";
}

// A graph of more than so many groups of clients or namespaces tells nobody anything: the gravest are
// drawn, and the others can be searched for.
const DRAWN = { clients: 24, namespaces: 48 };
const GRAVEST = Object.keys(KINDS);

function gravest(visible, calls) {
  const keep = (index, most, name) => {
    const weight = new Map();
    for (const edge of visible) {
      const key = name(edge.row[index]);
      const own = weight.get(key) || [GRAVEST.length, 0];
      const rank = GRAVEST.indexOf(edge.kind);
      if (rank < own[0]) weight.set(key, [rank, edge.row[9]]);
      else if (rank === own[0]) own[1] += edge.row[9];
    }
    const sorted = [...weight].sort(([, a], [, b]) => a[0] - b[0] || b[1] - a[1]).map(([key]) => key);
    return { kept: new Set(sorted.slice(0, most)), all: sorted.length };
  };
  const clients = keep(0, DRAWN.clients, (client) => client);
  const namespace = (service) => calls.services[service][1];
  const inside = visible.filter((edge) => clients.kept.has(edge.row[0]));
  const namespaces = keep(1, DRAWN.namespaces, namespace);
  return {
    edges: inside.filter((edge) => namespaces.kept.has(namespace(edge.row[1]))),
    left: [[clients, "groups of clients"], [namespaces, "namespaces"]]
      .filter(([{ kept, all }]) => kept.size < all)
      .map(([{ kept, all }, many]) => `${kept.size} of ${all.toLocaleString("en")} ${many}`),
  };
}

// Of more lines than so many, those between the same two nodes are one, as grave as the gravest of them,
// and lines of one client leave it together.
const CROWDED = 120, TURNS = { first: 12, last: 170 };
const byLabel = (a, b) => a.label.localeCompare(b.label);

// The nodes and edges to draw: services of open namespaces, other namespaces as one node.
function elements(calls, visible, open) {
  const drawn = connect(calls, visible, open, (edge) => edge.kind);
  if (drawn.edges.length <= CROWDED) return drawn;
  const bundled = connect(calls, visible, open, () => "all");
  // Each client's lines turn at a place of their own, so that one can be followed.
  const clients = bundled.nodes.filter(({ sort }) => sort === "client").sort(byLabel).map(({ id }) => id);
  const step = (TURNS.last - TURNS.first) / Math.max(1, clients.length - 1);
  for (const edge of bundled.edges) edge.turn = TURNS.first + step * clients.indexOf(edge.source);
  return { ...bundled, crowded: true };
}

function connect(calls, visible, open, bundle) {
  const nodes = new Map(), edges = new Map();
  for (const edge of visible) {
    const [client, service, , , , , , , , count] = edge.row;
    const [host, namespace] = calls.services[service];
    const target = open.has(namespace) ? `s:${service}` : `n:${namespace}`;
    const source = `c:${client}`;
    if (!nodes.has(source)) nodes.set(source, { id: source, label: calls.clients[client][0], sort: "client" });
    if (open.has(namespace) && !nodes.has(`n:${namespace}`)) nodes.set(`n:${namespace}`, { id: `n:${namespace}`, label: namespace, sort: "open" });
    if (!nodes.has(target)) {
      nodes.set(target, open.has(namespace)
        ? { id: target, label: host.split(".")[0] === "*" ? host : host.replace(`.${namespace}.svc.cluster.local`, ""), sort: "service", parent: `n:${namespace}` }
        : { id: target, label: namespace, sort: "namespace" });
    }
    const id = `${source}>${target}>${bundle(edge)}`;
    const known = edges.get(id);
    if (known) {
      known.count += count;
      known.rows.push(edge);
      if (GRAVEST.indexOf(edge.kind) < GRAVEST.indexOf(known.kind)) known.kind = edge.kind;
    }
    else edges.set(id, { id, source, target, kind: edge.kind, count, rows: [edge] });
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}

// Clients left, namespaces in columns to the right of them; an open one holds its services. Of all
// column heights the one is taken that shows the graph largest in a frame of this size.
function places(nodes, frame) {
  const clients = nodes.filter((node) => node.sort === "client").sort(byLabel);
  const blocks = nodes.filter((node) => !node.parent && node.sort !== "client").sort(byLabel).map((block) => {
    const children = nodes.filter((node) => node.parent === block.id).sort(byLabel);
    const across = Math.min(children.length > 6 ? 3 : 1, children.length) || 1;
    const down = Math.ceil(children.length / across);
    return { block, children, across, width: across * (NODE.width + NODE.gap) + (down ? 24 : 0), height: down ? (down + 1) * STEP + NODE.gap : STEP };
  });
  const tallest = Math.max(STEP, ...blocks.map(({ height }) => height), 0);
  const total = blocks.reduce((height, block) => height + block.height, 0);
  let best = null;
  for (let columns = 1; columns <= Math.max(1, Math.min(blocks.length, 24)); columns += 1) {
    const drawn = columnsOf(blocks, Math.max(tallest, total / columns));
    const height = Math.max(drawn.height, clients.length * STEP);
    const zoom = Math.min(frame.width / (drawn.width + NODE.width), frame.height / height);
    if (!best || zoom > best.zoom * 1.02) best = { ...drawn, height, zoom };
  }
  clients.forEach((client, index) => best.found.set(client.id, { x: 0, y: ((index + 0.5) * best.height) / clients.length }));
  return best.found;
}

function columnsOf(blocks, limit) {
  const found = new Map();
  let x = 2.1 * NODE.width, y = 0, widest = 0, height = 0;
  for (const { block, children, across, ...size } of blocks) {
    if (y > 0 && y + size.height > limit + 1) { x += widest + 2 * NODE.gap; y = 0; widest = 0; }
    if (!children.length) found.set(block.id, { x: x + NODE.width / 2, y: y + STEP / 2 });
    children.forEach((child, index) => found.set(child.id, {
      x: x + 12 + (index % across) * (NODE.width + NODE.gap) + NODE.width / 2,
      y: y + STEP + Math.floor(index / across) * STEP + STEP / 2,
    }));
    y += size.height;
    height = Math.max(height, y);
    widest = Math.max(widest, size.width);
  }
  return { found, width: x + widest, height };
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function look() {
  const ink = colour("--ink"), line = colour("--line"), card = colour("--card");
  const text = { "font-size": 12, color: ink, "text-wrap": "ellipsis", "text-max-width": NODE.width - 16, label: "data(label)" };
  return [
    { selector: "node", style: { ...text, shape: "round-rectangle", width: NODE.width, height: NODE.height, "background-color": card, "border-width": 1, "border-color": line, "text-valign": "center" } },
    { selector: "node[sort='client']", style: { "background-color": colour("--code"), "font-weight": "bold" } },
    { selector: "node[sort='namespace']", style: { "border-width": 2, "border-color": colour("--soft") } },
    { selector: "node[sort='open']", style: { "background-opacity": 0.35, "background-color": colour("--code"), "text-valign": "top", "text-margin-y": 18, "font-weight": "bold", padding: 16 } },
    { selector: "edge", style: { "curve-style": "bezier", width: "mapData(weight, 0, 6, 1.2, 4)", "line-color": line, "target-arrow-shape": "triangle", "target-arrow-color": line, "arrow-scale": 0.8, opacity: 0.75, "source-endpoint": "50% 0%", "target-endpoint": "-50% 0%" } },
    ...Object.entries(KINDS).map(([name, [, variable]]) => ({
      selector: `edge[kind='${name}']`,
      style: { "line-color": colour(variable), "target-arrow-color": colour(variable), "line-style": { broken: "solid", shut: "dashed", depends: "dotted" }[name] || "solid" },
    })),
    { selector: "edge.crowded", style: { "curve-style": "round-taxi", "taxi-direction": "rightward", "taxi-turn": "data(turn)", "taxi-turn-min-distance": 12, width: "mapData(weight, 0, 6, 1, 2.4)", opacity: 0.55 } },
    { selector: ".faded", style: { opacity: 0.08 } },
    { selector: "node:selected, edge:selected", style: { "border-color": colour("--accent"), "border-width": 3, opacity: 1 } },
  ];
}
