package main

import (
	"sort"
	"strconv"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xdstest"
	"istio.io/istio/pkg/config/protocol"
)

// routeRow is where a client's requests to one service port may go.
type routeRow struct {
	ClientNamespace string        `json:"clientNamespace"`
	ClientWorkload  string        `json:"clientWorkload"`
	Host            string        `json:"host"`
	Port            int           `json:"port"`
	Destinations    []destination `json:"destinations"`
}

type destination struct {
	Host   string  `json:"host"`
	Port   int     `json:"port"`
	Subset *string `json:"subset"`
}

func itoa(n int) string { return strconv.Itoa(n) }

// routeRows reads the destinations of every visible service port from a sidecar's routes and
// listeners. Ports whose path is decided by other services on the same number have no row.
func (d *istiod) routeRows(w *workload) []routeRow {
	proxy := d.proxy(w)
	listeners := d.Listeners(proxy)
	routes := xdstest.ExtractRouteConfigurations(d.RoutesFromListeners(proxy, listeners))
	rows := []routeRow{}
	for _, service := range sorted(proxy.SidecarScope.Services()) {
		for _, port := range service.Ports {
			var clusters []string
			switch {
			case port.Protocol.IsHTTP():
				clusters = httpClusters(routes[itoa(port.Port)], service, port)
			case port.Protocol.IsUnsupported():
				clusters = httpClusters(routes[string(service.Hostname)+":"+itoa(port.Port)], service, port)
			case port.Protocol != protocol.UDP && service.Resolution == model.ClientSideLB:
				clusters = tcpClusters(listeners, service.GetAddressForProxy(proxy), port.Port)
			}
			if len(clusters) > 0 {
				rows = append(rows, routeRow{w.Namespace, w.Name, string(service.Hostname), port.Port, destinations(clusters)})
			}
		}
	}
	return rows
}

func sorted(services []*model.Service) []*model.Service {
	out := append([]*model.Service(nil), services...)
	sort.SliceStable(out, func(i, j int) bool { return out[i].Hostname < out[j].Hostname })
	return out
}

func httpClusters(config *route.RouteConfiguration, service *model.Service, port *model.Port) []string {
	for _, host := range config.GetVirtualHosts() {
		for _, domain := range host.GetDomains() {
			if domain == string(service.Hostname) || domain == string(service.Hostname)+":"+itoa(port.Port) {
				return routeClusters(host.GetRoutes())
			}
		}
	}
	return nil
}

func routeClusters(routes []*route.Route) []string {
	var out []string
	for _, r := range routes {
		action := r.GetRoute()
		if name := action.GetCluster(); name != "" {
			out = append(out, name)
		}
		for _, weighted := range action.GetWeightedClusters().GetClusters() {
			if weighted.GetWeight().GetValue() > 0 {
				out = append(out, weighted.GetName())
			}
		}
	}
	return out
}

func tcpClusters(listeners []*listener.Listener, address string, port int) []string {
	var out []string
	for _, l := range listeners {
		socket := l.GetAddress().GetSocketAddress()
		if socket.GetAddress() != address || int(socket.GetPortValue()) != port {
			continue
		}
		for _, chain := range l.GetFilterChains() {
			proxy := xdstest.ExtractTCPProxy(nil, chain)
			if name := proxy.GetCluster(); name != "" {
				out = append(out, name)
			}
			for _, weighted := range proxy.GetWeightedClusters().GetClusters() {
				if weighted.GetWeight() > 0 {
					out = append(out, weighted.GetName())
				}
			}
		}
	}
	return out
}

// destinations are the distinct targets of clusters, sorted.
func destinations(clusters []string) []destination {
	seen := map[string]bool{}
	out := []destination{}
	for _, name := range clusters {
		if seen[name] {
			continue
		}
		seen[name] = true
		_, subset, host, port := model.ParseSubsetKey(name)
		found := destination{Host: string(host), Port: port}
		if subset != "" {
			found.Subset = &subset
		}
		if host == "" {
			found.Host = name
		}
		out = append(out, found)
	}
	sort.Slice(out, func(i, j int) bool { return pretty(out[i]) < pretty(out[j]) })
	return out
}
