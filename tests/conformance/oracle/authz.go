package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"sort"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pilot/pkg/simulation"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/kube"
)

const authorizationPolicy = "AuthorizationPolicy"

// request is one HTTP request as a client sends it.
type request struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Host    string            `json:"host"`
	Headers map[string]string `json:"headers"`
	JWT     map[string]any    `json:"jwt"`
}

// ask is one question about authorization: a connection, and the requests over it.
type ask struct {
	Client      clientRef `json:"client"`
	Server      clientRef `json:"server"`
	Port        int       `json:"port"`
	Protocol    string    `json:"protocol"`
	Host        string    `json:"host"`
	ServicePort int       `json:"servicePort"`
	Requests    []int     `json:"requests"`
}

// askRow is the answer: one outcome for each request, or one for a connection that is not HTTP.
type askRow struct {
	Transport string   `json:"transport"`
	SNI       string   `json:"sni,omitempty"`
	Chain     string   `json:"chain,omitempty"`
	Outcomes  []string `json:"outcomes"`
	Matched   [][]int  `json:"matched,omitempty"`
}

type accessExpectations struct {
	Dropped []string `json:"dropped"`
	Rules   []string `json:"rules"`
	Asks    []askRow `json:"asks"`
}

// connection is what a policy can ask of a connection; requests come over it.
type connection struct {
	identity    string // SPIFFE, without the scheme; empty: none is proven
	source      string
	destination string
	port        int
	sni         string
}

// judgement is what becomes of one request, and the rules that match it.
type judgement struct {
	outcome string
	matched []string
}

// access answers the asks of a case.
type access struct {
	d        *istiod
	outbound map[string][]*outbound
	calls    *caller
	chains   map[callKey]*reached
}

// reached is where a connection ends at a server: a filter chain, or why there is none.
type reached struct {
	chain   *filterChain
	failure string
}

func (d *istiod) accessExpectations(dropped []string) (*accessExpectations, error) {
	a := &access{d, map[string][]*outbound{}, newCaller(d), map[callKey]*reached{}}
	out := &accessExpectations{Dropped: dropped, Rules: []string{}, Asks: []askRow{}}
	numbers := map[string]int{}
	var matched [][][]string
	for i := range d.caseFile.Asks {
		row, rules, err := a.answer(&d.caseFile.Asks[i])
		if err != nil {
			return nil, fmt.Errorf("ask %d: %w", i, err)
		}
		out.Asks = append(out.Asks, row)
		matched = append(matched, rules)
		for _, names := range rules {
			for _, name := range names {
				numbers[name] = 0
			}
		}
	}
	for name := range numbers {
		out.Rules = append(out.Rules, name)
	}
	sort.Strings(out.Rules)
	for number, name := range out.Rules {
		numbers[name] = number
	}
	for i := range out.Asks {
		out.Asks[i].Matched = numbered(matched[i], numbers)
	}
	return out, nil
}

// numbered writes rules as their indices, nothing where none matches anywhere.
func numbered(rules [][]string, numbers map[string]int) [][]int {
	rows := make([][]int, 0, len(rules))
	found := false
	for _, names := range rules {
		row := []int{}
		for _, name := range names {
			row = append(row, numbers[name])
			found = true
		}
		sort.Ints(row)
		rows = append(rows, row)
	}
	if !found {
		return nil
	}
	return rows
}

func (a *access) answer(q *ask) (askRow, [][]string, error) {
	client, server := a.d.workload(q.Client), a.d.workload(q.Server)
	if client == nil || server == nil {
		return askRow{}, nil, errors.New("no such workload")
	}
	row := askRow{Transport: "plaintext"}
	call := connection{source: client.IP, destination: server.IP, port: q.Port}
	switch {
	case client.ambient() && server.ambient():
		row.Transport = "hbone"
	case q.Host != "" && client.Sidecar:
		transport, sni, err := a.sent(client, server, q)
		if err != nil {
			return row, nil, err
		}
		row.Transport, row.SNI, call.sni = transport, sni, sni
	}
	if row.Transport != "plaintext" {
		call.identity = a.d.identity(client)
	}
	judge := a.judge(server, q, &row, &call)
	var matched [][]string
	for _, r := range a.requests(q) {
		judged := judge(r)
		row.Outcomes = append(row.Outcomes, judged.outcome)
		matched = append(matched, judged.matched)
	}
	return row, matched, nil
}

// requests are the requests of an ask; nil stands for bytes that are not HTTP.
func (a *access) requests(q *ask) []*request {
	if q.Protocol != "http" {
		return []*request{nil}
	}
	out := make([]*request, 0, len(q.Requests))
	for _, number := range q.Requests {
		out = append(out, &a.d.caseFile.Requests[number])
	}
	return out
}

// judge is what decides on the requests of an ask; it fills in the chain of the row.
func (a *access) judge(server *workload, q *ask, row *askRow, call *connection) func(*request) judgement {
	fixed := func(outcome string) func(*request) judgement {
		return func(*request) judgement { return judgement{outcome: outcome} }
	}
	switch {
	case server.ambient():
		row.Chain = "ztunnel"
		verdict := a.d.ztunnelJudgement(server, call)
		return func(*request) judgement { return verdict }
	case !server.Sidecar:
		return fixed("allow")
	}
	end := a.reach(server, q, row.Transport)
	// The handshake comes before the first byte of the application.
	if end.chain != nil && !end.chain.trusts(call.identity) {
		return fixed("refused")
	}
	if end.failure != "" {
		return fixed(end.failure)
	}
	row.Chain = end.chain.kind()
	return func(r *request) judgement { return end.chain.judge(call, r) }
}

// sent is what a client's sidecar sends to a server for a Service port: the transport and its SNI.
func (a *access) sent(client, server *workload, q *ask) (string, string, error) {
	key := client.Namespace + "/" + client.Name
	if _, found := a.outbound[key]; !found {
		a.outbound[key] = a.d.outbounds(client)
	}
	for _, o := range a.outbound[key] {
		if o.row.Host != q.Host || o.row.Port != q.ServicePort || o.row.Subset != nil {
			continue
		}
		for _, t := range o.targets {
			if t.address != server.IP || t.port != q.Port {
				continue
			}
			transport := transportName(t.socket)
			if transport != "mtls" {
				return transport, "", nil
			}
			return transport, upstreamTLS(t.socket).GetSni(), nil
		}
	}
	return "", "", fmt.Errorf("%s sends nothing to %s:%d at %s:%d", key, q.Host, q.ServicePort, server.Name, q.Port)
}

// reach finds the inbound filter chain that a connection ends at.
func (a *access) reach(server *workload, q *ask, transport string) *reached {
	protocol := simulation.TCP
	if q.Protocol == "http" {
		protocol = simulation.HTTP
		if a.d.speaksHTTP2(server, q.Port) {
			protocol = simulation.HTTP2
		}
	}
	key := callKey{server.Namespace + "/" + server.Name, q.Port, transport, protocol, ""}
	if found, known := a.chains[key]; known {
		return found
	}
	found := a.simulate(server, q.Port, transport, protocol)
	a.chains[key] = found
	return found
}

func (a *access) simulate(server *workload, port int, transport string, protocol simulation.Protocol) *reached {
	var chain *listener.FilterChain
	call := simulation.Call{
		Address: server.IP, Port: port, Protocol: protocol, CallMode: simulation.CallModeInbound,
		HostHeader: "oracle.example", TLS: simulation.Plaintext,
		CustomListenerValidations: []simulation.CustomFilterChainValidation{
			func(matched *listener.FilterChain) error { chain = matched; return nil },
		},
	}
	if transport == "mtls" {
		call.TLS = simulation.MTLS
	}
	err := a.calls.simulation(server).Run(call).Error
	if chain == nil {
		return &reached{failure: "refused"}
	}
	end := &reached{chain: newFilterChain(chain)}
	if errors.Is(err, simulation.ErrProtocolError) {
		end.failure = "protocol-error"
	}
	return end
}

// speaksHTTP2 tells whether a Service declares HTTP/2 for a container port, so that clients speak it.
func (d *istiod) speaksHTTP2(server *workload, port int) bool {
	for _, service := range d.objects.services {
		for i := range service.Spec.Ports {
			p := &service.Spec.Ports[i]
			if service.Namespace == server.Namespace && int(p.TargetPort.IntVal) == port {
				return kube.ConvertProtocol(p.Port, p.Name, p.Protocol, p.AppProtocol).IsHTTP2()
			}
		}
	}
	return false
}

// identity is a workload's SPIFFE identity, without the scheme.
func (d *istiod) identity(w *workload) string {
	domain := w.TrustDomain
	if domain == "" {
		domain = d.Env().Mesh().TrustDomain
	}
	return domain + "/ns/" + w.Namespace + "/sa/" + w.account()
}

// sift takes the objects out of a case that have no effect, and says which policies these are.
func (c *caseFile) sift() ([]string, error) {
	dropped := []string{}
	var kept []json.RawMessage
	for _, raw := range c.Resources {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(raw); err != nil {
			return nil, err
		}
		name := fmt.Sprintf("%s %s/%s", object.GetKind(), object.GetNamespace(), object.GetName())
		is := object.GetKind() == authorizationPolicy
		switch {
		case !accepted(raw):
			if is {
				dropped = append(dropped, name+": rejected")
			}
		case is && !c.inRevision(raw):
			dropped = append(dropped, name+": other revision")
		default:
			kept = append(kept, raw)
		}
	}
	c.Resources = kept
	sort.Strings(dropped)
	return dropped, nil
}

func (c *caseFile) inRevision(raw json.RawMessage) bool {
	configs, _, err := crd.ParseInputs(string(raw))
	return err == nil && len(configs) == 1 && config.ObjectInRevision(&configs[0], c.Mesh.Revision)
}
