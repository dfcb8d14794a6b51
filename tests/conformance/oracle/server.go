package main

import (
	"encoding/json"
	"slices"
	"strconv"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/security/authn"
)

func (d *istiod) expectations() *expectations {
	out := &expectations{Server: []serverRow{}, Client: []clientRow{}, Calls: []callRow{}}
	for i := range d.caseFile.Workloads {
		w := &d.caseFile.Workloads[i]
		if w.Sidecar || w.ambient() {
			out.Server = append(out.Server, d.serverRows(w)...)
		}
		if w.gateway() && d.asked("gateways") {
			out.Gateways = append(out.Gateways, d.gatewayRows(w)...)
		}
	}
	d.clientSide(out)
	return out
}

func (d *istiod) asked(rows string) bool { return slices.Contains(d.caseFile.Ask, rows) }

// serverRows is the effective mode of each port a workload has or a policy of its namespace names.
func (d *istiod) serverRows(w *workload) []serverRow {
	mode := d.sidecarMode(w)
	if w.ambient() {
		mode = func(port int) string { return d.ztunnelMode(w, uint32(port)) }
	}
	ports := d.policyPorts(w.Namespace)
	for _, p := range w.Ports {
		ports = append(ports, p.Port)
	}
	slices.Sort(ports)
	rows := []serverRow{{Namespace: w.Namespace, Workload: w.Name, Mode: mode(0)}}
	for _, port := range slices.Compact(ports) {
		rows = append(rows, serverRow{Namespace: w.Namespace, Workload: w.Name, Port: &port, Mode: mode(port)})
	}
	return rows
}

// sidecarMode is the mode of a sidecar's port; 0 is a port that no port table names.
func (d *istiod) sidecarMode(w *workload) func(port int) string {
	proxy := d.proxy(w)
	policy := authn.NewMtlsPolicy(d.PushContext(), proxy.SidecarScope.AuthnPolicies, w.Namespace, proxy.Labels, false)
	return func(port int) string { return modeName(policy.GetMutualTLSModeForPort(uint32(port))) }
}

func modeName(mode model.MutualTLSMode) string {
	switch mode {
	case model.MTLSStrict:
		return "STRICT"
	case model.MTLSDisable:
		return "DISABLE"
	default:
		return "PERMISSIVE"
	}
}

// policyPorts lists every port number that a PeerAuthentication of the namespace names.
func (d *istiod) policyPorts(namespace string) []int {
	var out []int
	for _, raw := range d.caseFile.Resources {
		var object struct {
			Kind     string
			Metadata struct{ Namespace string }
			Spec     struct {
				PortLevelMtls map[string]json.RawMessage
			}
		}
		if json.Unmarshal(raw, &object) != nil || object.Kind != "PeerAuthentication" || object.Metadata.Namespace != namespace {
			continue
		}
		for port := range object.Spec.PortLevelMtls {
			if number, err := strconv.Atoi(port); err == nil {
				out = append(out, number)
			}
		}
	}
	return out
}
