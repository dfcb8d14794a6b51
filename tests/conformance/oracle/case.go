package main

import (
	"encoding/json"
)

// caseFile is one line of input: a mesh as the generator wrote it. Everything the oracle does not
// compute itself is carried through unchanged (raw).
type caseFile struct {
	raw       map[string]json.RawMessage
	ID        string            `json:"id"`
	Mesh      meshFacts         `json:"mesh"`
	Resources []json.RawMessage `json:"resources"`
	Workloads []workload        `json:"workloads"`
	Clients   []clientRef       `json:"clients"`
	Direct    []directCall      `json:"direct"`
	Hidden    []workload        `json:"hidden"`
	// Which rows beside the common ones are wanted: routes, gateways, aliases.
	Ask []string `json:"ask"`
	// A case about authorization: its questions, and the requests they speak of.
	Asks     []ask     `json:"asks"`
	Requests []request `json:"requests"`
}

// meshFacts is what MeshConfig and the installation say.
type meshFacts struct {
	RootNamespace                  string            `json:"rootNamespace"`
	ClusterDomain                  string            `json:"clusterDomain"`
	EnableAutoMtls                 bool              `json:"enableAutoMtls"`
	DefaultDestinationRuleExportTo []string          `json:"defaultDestinationRuleExportTo"`
	Revision                       string            `json:"revision"`
	DiscoverySelectors             []json.RawMessage `json:"discoverySelectors"`
	DataPlane                      string            `json:"dataPlane"`
	// Only in cases about authorization.
	TrustDomain        string       `json:"trustDomain"`
	TrustDomainAliases []string     `json:"trustDomainAliases"`
	PathNormalization  string       `json:"pathNormalization"`
	ExtensionProviders []authorizer `json:"extensionProviders"`
}

// authorizer is an external authorizer.
type authorizer struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"` // http or grpc
	Service string `json:"service"`
	Port    uint32 `json:"port"`
}

type workload struct {
	Namespace string            `json:"namespace"`
	Name      string            `json:"name"`
	Kind      string            `json:"kind"`
	Sidecar   bool              `json:"sidecar"`
	IP        string            `json:"ip"`
	Labels    map[string]string `json:"labels"`
	Ports     []containerPort   `json:"ports"`
	// Facts that only some profiles carry.
	Plane string `json:"plane"`
	Ready *bool  `json:"ready"`
	// Only in cases about authorization: sidecar, ambient or none.
	Mode           string `json:"mode"`
	ServiceAccount string `json:"serviceAccount"`
	// Of its certificate, where it is not the mesh's.
	TrustDomain string `json:"trustDomain"`
}

// account is the name of the workload's service account.
func (w *workload) account() string {
	if w.ServiceAccount == "" {
		return "default"
	}
	return w.ServiceAccount
}

func (w *workload) gateway() bool { return w.Plane == "gateway" }

func (w *workload) ambient() bool { return w.Plane == "ambient" }

type containerPort struct {
	Name string `json:"name"`
	Port int    `json:"port"`
}

type clientRef struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

type directCall struct {
	From clientRef `json:"from"`
	To   clientRef `json:"to"`
	Port int       `json:"port"`
}

// The rows of `expect`, in the order and with the key names of the committed cases.

type serverRow struct {
	Namespace string `json:"namespace"`
	Workload  string `json:"workload"`
	Port      *int   `json:"port"`
	Mode      string `json:"mode"`
}

type clientRow struct {
	ClientNamespace string        `json:"clientNamespace"`
	ClientWorkload  string        `json:"clientWorkload"`
	Host            string        `json:"host"`
	Port            int           `json:"port"`
	Subset          *string       `json:"subset"`
	DestinationRule []string      `json:"destinationRule"`
	TLS             string        `json:"tls"`
	Discovery       string        `json:"discovery"`
	Endpoints       []endpointRow `json:"endpoints"`
}

type endpointRow struct {
	Workload   *string `json:"workload"`
	Namespace  string  `json:"namespace,omitempty"`
	Address    string  `json:"address,omitempty"`
	TargetPort int     `json:"targetPort"`
	Transport  string  `json:"transport"`
}

type callRow struct {
	ClientNamespace string  `json:"clientNamespace"`
	ClientWorkload  string  `json:"clientWorkload"`
	Host            *string `json:"host"`
	Port            int     `json:"port"`
	Namespace       string  `json:"namespace"`
	Workload        string  `json:"workload"`
	Outcome         string  `json:"outcome"`
}

type expectations struct {
	Server []serverRow `json:"server"`
	Client []clientRow `json:"client"`
	Calls  []callRow   `json:"calls"`
	// Only in the profiles that ask for them.
	Routes   []routeRow   `json:"routes,omitempty"`
	Gateways []gatewayRow `json:"gateways,omitempty"`
	Aliases  []aliasRow   `json:"aliases,omitempty"`
}

// aliasRow is an ExternalName host that stands for a service the client sees.
type aliasRow struct {
	ClientNamespace string `json:"clientNamespace"`
	ClientWorkload  string `json:"clientWorkload"`
	Alias           string `json:"alias"`
	Host            string `json:"host"`
}

func parseCase(line []byte) (*caseFile, error) {
	c := &caseFile{}
	if err := json.Unmarshal(line, c); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(line, &c.raw); err != nil {
		return nil, err
	}
	if c.Asks != nil {
		c.Mesh.EnableAutoMtls = true
	}
	for i := range c.Workloads {
		w := &c.Workloads[i]
		switch w.Mode {
		case "sidecar":
			w.Sidecar = true
		case "ambient":
			w.Plane = "ambient"
			c.Mesh.DataPlane = "ambient"
		}
	}
	return c, nil
}
