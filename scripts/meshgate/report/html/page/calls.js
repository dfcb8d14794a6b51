const DETAILS = 150, TABLE_ROWS = 400;

function drawCalls() {
  const graph = cytoscape({ container: $("graph"), style: look(), minZoom: 0.05, maxZoom: 3, boxSelectionEnabled: false });
  const open = new Set();
  let calls = null, every = [], drawn = null;

  const total = Object.fromEntries(Object.keys(KINDS).map((name) => [name, 0]));
  const chosen = checkboxes($("calls-outcomes"),
    Object.entries(KINDS).map(([name, [text, , style]]) => [name, text, style, !HIDDEN_AT_FIRST.has(name)]), () => draw());

  function load() {
    calls = data.environments[Number($("calls-environment").value)].calls;
    for (const name of Object.keys(total)) total[name] = 0;
    every = calls.edges.map((row) => {
      const [label] = calls.clients[row[0]];
      const [host, namespace] = calls.services[row[1]];
      const edge = { row, kind: kind(row, calls), text: `${label} ${host} ${namespace} ${row[8]}`.toLowerCase() };
      total[edge.kind] += row[9];
      return edge;
    });
    open.clear();
    const namespaces = new Set(calls.services.map(([, namespace]) => namespace));
    if (calls.services.length <= 12) for (const namespace of namespaces) open.add(namespace);
    draw();
  }

  function draw() {
    const wanted = matcher($("calls-search").value), kinds = chosen();
    const visible = every.filter((edge) => kinds.has(edge.kind) && wanted(edge.text));
    const { edges, left } = gravest(visible, calls);
    drawn = elements(calls, edges, open);
    const position = places(drawn.nodes, { width: graph.width(), height: graph.height() });
    graph.elements().remove();
    graph.add([
      ...drawn.nodes.map((node) => ({ group: "nodes", data: node, position: position.get(node.id) })),
      ...drawn.edges.map((edge) => ({ group: "edges", classes: drawn.crowded ? "crowded" : "", data: { id: edge.id, source: edge.source, target: edge.target, kind: edge.kind, weight: Math.log10(edge.count), turn: edge.turn || 0 } })),
    ]);
    graph.fit(undefined, 24);
    const number = visible.reduce((sum, edge) => sum + edge.row[9], 0);
    $("calls-count").textContent = visible.length ? plural(number, "call") : "no call fits";
    $("graph-left").textContent = left.length ? `Drawn: ${left.join(", ")}, the gravest first. Search or filter for the others.` : "";
    overview(number);
    table(visible);
  }

  function overview(number) {
    replace($("calls-detail"), h("h3", {}, plural(number, "call")),
      h("ul", {}, Object.entries(KINDS).filter(([name]) => total[name]).map(([name, [one, , style, many]]) =>
        h("li", {}, h("i", { class: `dot ${style}` }), `${total[name].toLocaleString("en")} ${total[name] === 1 ? one : many}`))),
      h("p", { class: "by" }, "Select a node or a line for its calls. Clients, services and ports that share an answer are told once, with how many calls they are."));
  }

  function details(title, edges) {
    const rows = edges.flatMap((edge) => edge.rows);
    replace($("calls-detail"), h("h3", {}, title),
      h("ul", {}, rows.slice(0, DETAILS).map(({ row, kind: name }) => {
        const [client, service, port, subset, sends, accepts, outcome, , rule, count, reason] = row;
        return h("li", {}, h("i", { class: `dot ${KINDS[name][2]}` }), `${calls.clients[client][0]} → `,
          h("code", {}, `${calls.services[service][0]}:${port}${subset ? ` (${subset})` : ""}`),
          h("div", {}, h("strong", {}, outcome), ` ${plural(count, "call")}`),
          h("div", { class: "by" }, [sends && `sends ${sends}`, accepts && `server ${accepts}`, rule && `rule ${rule}`, reason].filter(Boolean).join("; ")));
      })),
      rows.length > DETAILS ? h("p", { class: "by" }, `${rows.length - DETAILS} more; narrow the search to see them.`) : "");
  }

  function names([label, , number, known]) {
    if (!known.length || label === known[0]) return label;
    return [label, h("div", { class: "by" }, unbroken(known.join(", ")), number > known.length ? ` and ${(number - known.length).toLocaleString("en")} more` : "")];
  }

  function table(visible) {
    const holder = $("calls-table").querySelector(".scroll");
    const fill = () => replace(holder, h("table", {},
      h("thead", {}, h("tr", {}, ["clients", "service", "sends", "server", "outcome", "rule", "calls"].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, visible.slice(0, TABLE_ROWS).map(({ row }) => {
        const [client, service, port, subset, sends, accepts, outcome, , rule, count] = row;
        return h("tr", {}, h("td", {}, names(calls.clients[client])), h("td", {}, breakable(`${calls.services[service][0]}:${port}${subset ? ` (${subset})` : ""}`)),
          h("td", {}, sends), h("td", {}, accepts), h("td", {}, outcome), h("td", {}, rule), h("td", { class: "num" }, count.toLocaleString("en")));
      }))), visible.length > TABLE_ROWS ? h("p", { class: "by" }, `${visible.length - TABLE_ROWS} more rows; narrow the search to see them.`) : "");
    // Filled when it is opened: most readers never do.
    $("calls-table").ontoggle = () => $("calls-table").open && fill();
    if ($("calls-table").open) fill();
  }

  graph.on("tap", "node", ({ target }) => {
    const namespace = target.id().startsWith("n:") ? target.id().slice(2) : null;
    if (namespace !== null) {
      if (open.has(namespace)) open.delete(namespace); else open.add(namespace);
      draw();
      return;
    }
    focus(target.closedNeighborhood(), target.data("label"), target.connectedEdges());
  });
  graph.on("tap", "edge", ({ target }) => focus(target.union(target.connectedNodes()), KINDS[target.data("kind")][0], target));
  graph.on("tap", (event) => {
    if (event.target === graph) { graph.elements().removeClass("faded"); overview(drawn.edges.reduce((sum, edge) => sum + edge.count, 0)); }
  });

  function focus(near, title, edges) {
    graph.elements().addClass("faded");
    near.union(near.parents()).removeClass("faded");
    const ids = new Set(edges.map((edge) => edge.id()));
    details(title, drawn.edges.filter((edge) => ids.has(edge.id)));
  }

  data.environments.forEach((environment, index) => $("calls-environment").append(h("option", { value: index }, environment.name)));
  if (data.environments.length) $("calls-environment").value = String(data.environments.length - 1);
  $("calls-environment").addEventListener("change", load);
  $("calls-search").addEventListener("input", eased(draw));
  $("graph-expand").addEventListener("click", () => { for (const [, namespace] of calls.services) open.add(namespace); draw(); });
  $("graph-collapse").addEventListener("click", () => { open.clear(); draw(); });
  $("graph-fit").addEventListener("click", () => graph.fit(undefined, 24));
  document.addEventListener("themechange", () => graph.style(look()));
  if (data.environments.length) load();
}
