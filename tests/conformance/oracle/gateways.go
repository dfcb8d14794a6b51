package main

import (
	"errors"
	"sort"
	"testing"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"istio.io/istio/pilot/pkg/simulation"
	"istio.io/istio/pilot/test/xdstest"
)

// gatewayRow is one filter chain of a gateway: what it demands of clients of these server names.
type gatewayRow struct {
	Namespace string   `json:"namespace"`
	Workload  string   `json:"workload"`
	Port      int      `json:"port"`
	Hosts     []string `json:"hosts"`
	Mode      string   `json:"mode"`
}

// gatewayRows lists the filter chains of a gateway's listeners, by port and server name.
func (d *istiod) gatewayRows(w *workload) []gatewayRow {
	rows := []gatewayRow{}
	for _, l := range d.Listeners(d.proxy(w)) {
		address := l.GetAddress().GetSocketAddress()
		if address.GetAddress() != "0.0.0.0" {
			continue
		}
		for _, chain := range l.GetFilterChains() {
			hosts := append([]string{}, chain.GetFilterChainMatch().GetServerNames()...)
			sort.Strings(hosts)
			rows = append(rows, gatewayRow{w.Namespace, w.Name, int(address.GetPortValue()), hosts, chainMode(chain)})
		}
	}
	sort.SliceStable(rows, func(i, j int) bool {
		if rows[i].Port != rows[j].Port {
			return rows[i].Port < rows[j].Port
		}
		return pretty(rows[i].Hosts) < pretty(rows[j].Hosts)
	})
	return rows
}

// chainMode is a Gateway server's TLS mode, read back from the filter chain made of it.
func chainMode(chain *listener.FilterChain) string {
	if chain.GetTransportSocket() == nil {
		if len(chain.GetFilterChainMatch().GetServerNames()) > 0 || chain.GetFilterChainMatch().GetTransportProtocol() == "tls" {
			return "PASSTHROUGH"
		}
		return "plaintext"
	}
	context := downstreamTLS(chain)
	secrets := context.GetCommonTlsContext().GetTlsCertificateSdsSecretConfigs()
	switch {
	case len(secrets) > 0 && secrets[0].GetName() == "default":
		return "ISTIO_MUTUAL"
	case context.GetRequireClientCertificate().GetValue():
		return "MUTUAL"
	case context.GetCommonTlsContext().GetValidationContextType() != nil:
		return "OPTIONAL_MUTUAL"
	default:
		return "SIMPLE"
	}
}

func downstreamTLS(chain *listener.FilterChain) *tls.DownstreamTlsContext {
	context := &tls.DownstreamTlsContext{}
	if err := chain.GetTransportSocket().GetTypedConfig().UnmarshalTo(context); err != nil {
		panic(err)
	}
	return context
}

// atGateway is the outcome at a gateway's listeners; false where TLS that a rule originates ends
// there, which no outcome names.
func (c *caller) atGateway(server *workload, port int, transport, alpn, sni, host string) (string, bool) {
	key := "gateway " + server.Namespace + "/" + server.Name
	if _, found := c.simulations[key]; !found {
		c.simulations[key] = simulation.NewSimulationFromConfigGen(&testing.T{}, c.d.ConfigGenTest, c.d.proxy(server))
	}
	if xdstest.ExtractListener("0.0.0.0_"+itoa(port), c.simulations[key].Listeners) == nil {
		return "refused", true
	}
	var chain *listener.FilterChain
	call := simulation.Call{
		Address: "0.0.0.0", Port: port, Protocol: simulation.HTTP, CallMode: simulation.CallModeGateway,
		HostHeader: host, Sni: sni, TLS: simulation.Plaintext,
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
	err := c.simulations[key].Run(call).Error
	switch {
	case errors.Is(err, simulation.ErrProtocolError):
		return "protocol-error", true
	case chain == nil:
		// Only a chain that lets the transport in is shown to the validation.
		return "refused", transport == "plaintext" || transport == "mtls"
	case transport == "plaintext":
		return "ok-plaintext", true
	case chain.GetTransportSocket() == nil:
		return "tls-to-app", true
	default:
		return "ok-mtls", transport == "mtls"
	}
}
