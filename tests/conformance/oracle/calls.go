package main

import (
	"errors"
	"sort"
	"testing"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	corev1 "k8s.io/api/core/v1"

	"istio.io/istio/pilot/pkg/serviceregistry/provider"
	"istio.io/istio/pilot/pkg/simulation"
	"istio.io/istio/pkg/config/kube"
	"istio.io/istio/pkg/config/protocol"
)

// noALPN is a protocol that no filter chain names: a client that offers none of Istio's.
const noALPN = "none"

// caller runs calls against the listeners of the servers, each built once.
type caller struct {
	d           *istiod
	simulations map[string]*simulation.Simulation
	known       map[callKey]string
}

type callKey struct {
	server    string
	port      int
	transport string
	protocol  simulation.Protocol
	alpn      string
}

func newCaller(d *istiod) *caller {
	return &caller{d: d, simulations: map[string]*simulation.Simulation{}, known: map[callKey]string{}}
}

// spoken is what callers of a port speak: what it declares, and HTTP where it declares nothing.
func spoken(declared protocol.Instance) simulation.Protocol {
	switch {
	case declared.IsHTTP2():
		return simulation.HTTP2
	case declared.IsHTTP(), declared.IsUnsupported():
		return simulation.HTTP
	default:
		return simulation.TCP
	}
}

// through is the outcome for each endpoint of a client's default cluster.
func (c *caller) through(client *workload, o *outbound) []callRow {
	if o.row.Subset != nil || o.service.Attributes.ServiceRegistry == provider.External {
		return nil
	}
	rows := []callRow{}
	for i, e := range o.row.Endpoints {
		server := c.d.workloadAt(o.targets[i].address)
		if e.Workload == nil || server.Kind == "WorkloadEntry" && !server.Sidecar {
			continue
		}
		outcome, named := c.received(server, o, o.targets[i], e)
		if named {
			rows = append(rows, c.row(client, &o.row.Host, o.row.Port, server, outcome))
		}
	}
	return rows
}

// received is what the endpoint's data plane makes of it; false: no outcome names that.
func (c *caller) received(server *workload, o *outbound, to target, e endpointRow) (string, bool) {
	alpn, sni := noALPN, ""
	if context := upstreamTLS(to.socket); context != nil {
		sni = context.GetSni()
		if own := context.GetCommonTlsContext().GetAlpnProtocols(); e.Transport != "mtls" && len(own) > 0 {
			alpn = own[0]
		}
	}
	switch {
	case server.gateway():
		if (e.Transport == "tls" || e.Transport == "mtls-user") && sni == "" {
			sni = o.row.Host // auto_sni takes the request's host; plaintext names no server
		}
		return c.atGateway(server, e.TargetPort, e.Transport, alpn, sni, o.row.Host)
	case to.tunnel && e.Transport == "mtls":
		return "ok-mtls", true
	case to.tunnel:
		return "tls-to-app", true
	default:
		return c.outcome(server, e.TargetPort, e.Transport, spoken(o.port.Protocol), alpn), true
	}
}

func (c *caller) row(client *workload, host *string, port int, server *workload, outcome string) callRow {
	return callRow{
		ClientNamespace: client.Namespace, ClientWorkload: client.Name, Host: host, Port: port,
		Namespace: server.Namespace, Workload: server.Name, Outcome: outcome,
	}
}

// fromOutside is plaintext from a client without sidecar to each pod behind each Service.
func (c *caller) fromOutside(client *workload) []callRow {
	rows := []callRow{}
	services := append([]*corev1.Service(nil), c.d.objects.services...)
	host := func(s *corev1.Service) string {
		return s.Name + "." + s.Namespace + ".svc." + c.d.caseFile.Mesh.ClusterDomain
	}
	sort.SliceStable(services, func(i, j int) bool { return host(services[i]) < host(services[j]) })
	for _, service := range services {
		name := host(service)
		for i := range service.Spec.Ports {
			port := &service.Spec.Ports[i]
			if port.Protocol == corev1.ProtocolUDP {
				continue
			}
			for _, hit := range c.backends(service, port) {
				declared := kube.ConvertProtocol(port.Port, port.Name, port.Protocol, port.AppProtocol)
				outcome := c.outcome(hit.server, hit.port, "plaintext", spoken(declared), "")
				if hit.server.gateway() {
					outcome, _ = c.atGateway(hit.server, hit.port, "plaintext", "", "", name)
				}
				rows = append(rows, c.row(client, &name, int(port.Port), hit.server, outcome))
			}
		}
	}
	return rows
}

type backend struct {
	server *workload
	port   int
}

// backends lists the ready endpoints that Kubernetes itself has for a Service port.
func (c *caller) backends(service *corev1.Service, port *corev1.ServicePort) []backend {
	var out []backend
	for _, slice := range c.d.objects.slices {
		if slice.Namespace != service.Namespace || slice.Labels["kubernetes.io/service-name"] != service.Name {
			continue
		}
		for _, p := range slice.Ports {
			if *p.Name != port.Name {
				continue
			}
			for _, e := range slice.Endpoints {
				if server := c.d.workloadAt(e.Addresses[0]); *e.Conditions.Ready && server != nil {
					out = append(out, backend{server, int(*p.Port)})
				}
			}
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return c.rank(out[i].server) < c.rank(out[j].server) })
	return out
}

// rank is a workload's place in the case.
func (c *caller) rank(w *workload) int {
	for i := range c.d.caseFile.Workloads {
		if w == &c.d.caseFile.Workloads[i] {
			return i
		}
	}
	return -1
}

func (c *caller) direct(call directCall) callRow {
	client, server := c.d.workload(call.From), c.d.workload(call.To)
	return c.row(client, nil, call.Port, server, c.outcome(server, call.Port, "plaintext", simulation.HTTP, ""))
}

func (c *caller) outcome(server *workload, port int, transport string, protocol simulation.Protocol, alpn string) string {
	if server.ambient() && c.d.ztunnelMode(server, uint32(port)) == "STRICT" {
		return "denied"
	}
	if !server.Sidecar {
		if transport == "plaintext" {
			return "ok-plaintext"
		}
		return "tls-to-app"
	}
	key := callKey{server.Namespace + "/" + server.Name, port, transport, protocol, alpn}
	if known, found := c.known[key]; found {
		return known
	}
	outcome := c.simulate(server, port, transport, protocol, alpn)
	c.known[key] = outcome
	return outcome
}

// simulate sends one call into the server's inbound listeners.
func (c *caller) simulate(server *workload, port int, transport string, protocol simulation.Protocol, alpn string) string {
	var chain *listener.FilterChain
	call := simulation.Call{
		Address: server.IP, Port: port, Protocol: protocol, CallMode: simulation.CallModeInbound,
		HostHeader: "oracle.example", TLS: simulation.Plaintext,
		CustomListenerValidations: []simulation.CustomFilterChainValidation{
			func(matched *listener.FilterChain) error { chain = matched; return nil },
		},
	}
	switch transport {
	case "mtls":
		call.TLS = simulation.MTLS
	case "mtls-user":
		call.TLS, call.Alpn = simulation.MTLS, alpn
	case "tls":
		call.TLS, call.Alpn = simulation.TLS, alpn
	}
	err := c.simulation(server).Run(call).Error
	switch {
	case errors.Is(err, simulation.ErrProtocolError):
		return "protocol-error"
	case err != nil:
		return "refused"
	case transport == "plaintext":
		return "ok-plaintext"
	case chain.GetTransportSocket() == nil:
		return "tls-to-app"
	case transport == "mtls":
		return "ok-mtls"
	default:
		return "mtls-user-terminated"
	}
}

func (c *caller) simulation(server *workload) *simulation.Simulation {
	key := server.Namespace + "/" + server.Name
	if _, found := c.simulations[key]; !found {
		c.simulations[key] = simulation.NewSimulationFromConfigGen(&testing.T{}, c.d.ConfigGenTest, c.d.proxy(server))
	}
	return c.simulations[key]
}
