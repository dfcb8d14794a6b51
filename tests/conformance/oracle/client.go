package main

import (
	"net"
	"sort"
	"strconv"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/types/known/structpb"

	networking "istio.io/api/networking/v1alpha3"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/networking/util"
	"istio.io/istio/pilot/pkg/xds/endpoints"
	"istio.io/istio/pkg/config/protocol"
)

// outbound is one client's view of one service port.
type outbound struct {
	row     clientRow
	cluster *cluster.Cluster
	service *model.Service
	port    *model.Port
	targets []target
}

// target is an endpoint of a cluster and what the client puts on the wire for it.
type target struct {
	address string
	port    int
	socket  *corev3.TransportSocket
	tunnel  bool // through HBONE, with the socket's bytes inside
}

// clientSide fills the rows of every client: what its data plane sends, and what comes of it.
func (d *istiod) clientSide(out *expectations) {
	calls := newCaller(d)
	for _, ref := range d.caseFile.Clients {
		w := d.workload(ref)
		if !w.Sidecar && !w.gateway() {
			out.Calls = append(out.Calls, calls.fromOutside(w)...)
			continue
		}
		for _, o := range d.outbounds(w) {
			out.Client = append(out.Client, o.row)
			out.Calls = append(out.Calls, calls.through(w, o)...)
		}
		if d.asked("routes") {
			out.Routes = append(out.Routes, d.routeRows(w)...)
		}
		if d.asked("aliases") {
			out.Aliases = append(out.Aliases, d.aliasRows(w)...)
		}
	}
	for _, direct := range d.caseFile.Direct {
		out.Calls = append(out.Calls, calls.direct(direct))
	}
}

// outbounds lists every service port and subset that a client can send to, in host order.
func (d *istiod) outbounds(w *workload) []*outbound {
	proxy := d.proxy(w)
	clusters := map[string]*cluster.Cluster{}
	for _, c := range d.Clusters(proxy) {
		clusters[c.Name] = c
	}
	var out []*outbound
	for _, service := range sorted(proxy.SidecarScope.Services()) {
		if service.Resolution == model.Alias {
			continue // no cluster is ever made of it
		}
		rule := proxy.SidecarScope.DestinationRule(model.TrafficDirectionOutbound, proxy, service.Hostname)
		var spec *networking.DestinationRule
		names := []string{}
		if rule != nil {
			spec = rule.GetRule().Spec.(*networking.DestinationRule)
			for _, from := range rule.GetFrom() {
				names = append(names, from.Namespace+"/"+from.Name)
			}
		}
		for _, port := range service.Ports {
			if port.Protocol == protocol.UDP {
				continue
			}
			for _, subset := range subsetsOf(spec) {
				o := &outbound{service: service, port: port}
				o.row = clientRow{
					ClientNamespace: w.Namespace, ClientWorkload: w.Name,
					Host: string(service.Hostname), Port: port.Port, Subset: subset,
					DestinationRule: names, TLS: tlsMode(spec, port, subset),
				}
				d.fill(o, proxy, clusters, spec)
				out = append(out, o)
			}
		}
	}
	return out
}

// aliasRows lists the ExternalName hosts that a client can call its services by.
func (d *istiod) aliasRows(w *workload) []aliasRow {
	rows := []aliasRow{}
	for _, service := range sorted(d.proxy(w).SidecarScope.Services()) {
		for _, alias := range service.Attributes.Aliases {
			rows = append(rows, aliasRow{w.Namespace, w.Name, string(alias.Hostname), string(service.Hostname)})
		}
	}
	sort.SliceStable(rows, func(i, j int) bool { return rows[i].Alias < rows[j].Alias })
	return rows
}

// subsetsOf lists nil (no subset) and then the subsets of the rule.
func subsetsOf(rule *networking.DestinationRule) []*string {
	out := []*string{nil}
	for _, subset := range rule.GetSubsets() {
		out = append(out, &subset.Name)
	}
	return out
}

func subsetOf(rule *networking.DestinationRule, name *string) *networking.Subset {
	if name != nil {
		for _, subset := range rule.GetSubsets() {
			if subset.Name == *name {
				return subset
			}
		}
	}
	return nil
}

func tlsMode(rule *networking.DestinationRule, port *model.Port, subset *string) string {
	var policy *networking.TrafficPolicy
	if found := subsetOf(rule, subset); found != nil {
		policy = util.MergeSubsetTrafficPolicy(rule.GetTrafficPolicy(), found.GetTrafficPolicy(), port)
	} else {
		policy, _ = util.GetPortLevelTrafficPolicy(rule.GetTrafficPolicy(), port)
	}
	if policy.GetTls() == nil {
		return "NONE"
	}
	return policy.GetTls().GetMode().String()
}

// fill adds the cluster's type and its endpoints with their transports.
func (d *istiod) fill(o *outbound, proxy *model.Proxy, clusters map[string]*cluster.Cluster, rule *networking.DestinationRule) {
	subset := ""
	if o.row.Subset != nil {
		subset = *o.row.Subset
	}
	name := model.BuildSubsetKey(model.TrafficDirectionOutbound, subset, o.service.Hostname, o.port.Port)
	o.cluster = clusters[name]
	o.row.Endpoints = []endpointRow{}
	if o.cluster == nil {
		o.row.Discovery = "NO_CLUSTER"
		return
	}
	o.row.Discovery = o.cluster.GetType().String()
	if o.cluster.GetClusterType() != nil {
		o.row.Discovery = "DYNAMIC_DNS" // the only custom type: the proxy resolves each request's host
		return
	}
	switch o.cluster.GetType() {
	case cluster.Cluster_EDS:
		builder := endpoints.NewEndpointBuilder(name, proxy, d.PushContext())
		o.addLoadAssignment(builder.BuildClusterLoadAssignment(d.Env().EndpointIndex))
	case cluster.Cluster_ORIGINAL_DST:
		for _, e := range d.PushContext().ServiceEndpointsByPort(o.service, o.port.Port, subsetOf(rule, o.row.Subset).GetLabels()) {
			o.addTarget(e.FirstAddressOrNil(), int(e.EndpointPort), nil)
		}
	default:
		o.addLoadAssignment(o.cluster.GetLoadAssignment())
	}
	d.addEndpointRows(o)
}

func (o *outbound) addLoadAssignment(assignment *endpoint.ClusterLoadAssignment) {
	for _, locality := range assignment.GetEndpoints() {
		for _, e := range locality.GetLbEndpoints() {
			address := e.GetEndpoint().GetAddress()
			metadata := e.GetMetadata().GetFilterMetadata()[util.EnvoyTransportSocketMetadataKey]
			if internal := address.GetEnvoyInternalAddress(); internal != nil {
				host, port, _ := net.SplitHostPort(internal.GetEndpointId())
				number, _ := strconv.Atoi(port)
				o.addTarget(host, number, metadata)
				continue
			}
			o.addTarget(address.GetSocketAddress().GetAddress(), int(address.GetSocketAddress().GetPortValue()), metadata)
		}
	}
}

func (o *outbound) addTarget(address string, port int, metadata *structpb.Struct) {
	socket := selectSocket(o.cluster, metadata)
	inner, tunnel := unwrap(socket)
	o.targets = append(o.targets, target{address, port, inner, tunnel})
}

func (d *istiod) addEndpointRows(o *outbound) {
	type row struct {
		endpointRow
		target
	}
	rows := make([]row, 0, len(o.targets))
	for _, t := range o.targets {
		r := row{endpointRow{TargetPort: t.port, Transport: transportName(t.socket)}, t}
		if t.tunnel && r.Transport == "plaintext" {
			r.Transport = "mtls"
		}
		if w := d.workloadAt(t.address); w != nil {
			r.Workload, r.Namespace = &w.Name, w.Namespace
		} else {
			r.Address = t.address
		}
		rows = append(rows, r)
	}
	name := func(r row) string {
		if r.Workload == nil {
			return ""
		}
		return *r.Workload
	}
	sort.SliceStable(rows, func(i, j int) bool {
		a, b := rows[i], rows[j]
		if a.Namespace != b.Namespace {
			return a.Namespace < b.Namespace
		}
		if name(a) != name(b) {
			return name(a) < name(b)
		}
		if a.Address != b.Address {
			return a.Address < b.Address
		}
		return a.TargetPort < b.TargetPort
	})
	o.targets = o.targets[:0]
	for _, r := range rows {
		o.row.Endpoints = append(o.row.Endpoints, r.endpointRow)
		o.targets = append(o.targets, r.target)
	}
}

func (d *istiod) workloadAt(address string) *workload {
	for i := range d.caseFile.Workloads {
		if d.caseFile.Workloads[i].IP == address {
			return &d.caseFile.Workloads[i]
		}
	}
	return nil
}
