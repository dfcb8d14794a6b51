package main

import (
	"encoding/json"
	"sort"
	"strconv"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/security/authn"
)

func (d *istiod) expectations() *expectations {
	out := &expectations{Server: []serverRow{}, Client: []clientRow{}, Calls: []callRow{}}
	for i := range d.caseFile.Workloads {
		if w := &d.caseFile.Workloads[i]; w.Sidecar {
			out.Server = append(out.Server, d.serverRows(w)...)
		}
	}
	d.clientSide(out)
	return out
}

// serverRows is the effective mode of each port a sidecar workload has or a policy of its namespace names.
func (d *istiod) serverRows(w *workload) []serverRow {
	proxy := d.proxy(w)
	policy := authn.NewMtlsPolicy(d.PushContext(), proxy.SidecarScope.AuthnPolicies, w.Namespace, proxy.Labels, false)
	ports := map[int]bool{}
	for _, p := range w.Ports {
		ports[p.Port] = true
	}
	for _, port := range d.policyPorts(w.Namespace) {
		ports[port] = true
	}
	numbers := make([]int, 0, len(ports))
	for port := range ports {
		numbers = append(numbers, port)
	}
	sort.Ints(numbers)
	rows := []serverRow{{Namespace: w.Namespace, Workload: w.Name, Mode: modeName(policy.GetMutualTLSModeForPort(0))}}
	for _, port := range numbers {
		rows = append(rows, serverRow{
			Namespace: w.Namespace, Workload: w.Name, Port: &port,
			Mode: modeName(policy.GetMutualTLSModeForPort(uint32(port))),
		})
	}
	return rows
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
