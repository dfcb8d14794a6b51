// Asks cyclonus, an independent reading of NetworkPolicies, which connections pass.
//
// One case a line on stdin, with its answers on stdout. For each query and each address, whether a
// connection from the source, if that is its address, comes in at the destination, and whether one
// goes out of the source to the destination, if that is the destination's. What label selectors
// select is asked of Kubernetes' own code.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

type pod struct {
	Namespace       string            `json:"namespace"`
	NamespaceLabels map[string]string `json:"namespaceLabels"`
	Labels          map[string]string `json:"labels"`
}

type query struct {
	Source      int      `json:"source"`
	Destination int      `json:"destination"`
	Port        int      `json:"port"`
	PortName    string   `json:"portName"`
	Protocol    string   `json:"protocol"`
	Addresses   []string `json:"addresses"`
}

type selection struct {
	Selector metav1.LabelSelector `json:"selector"`
	Labels   map[string]string    `json:"labels"`
}

type request struct {
	ID         string                        `json:"id"`
	Policies   []*networkingv1.NetworkPolicy `json:"policies"`
	Pods       []pod                         `json:"pods"`
	Queries    []query                       `json:"queries"`
	Selections []selection                   `json:"selections"`
}

type answer struct {
	Ingress []bool `json:"ingress"`
	Egress  []bool `json:"egress"`
}

type response struct {
	ID       string   `json:"id"`
	Answers  []answer `json:"answers"`
	Selected []bool   `json:"selected"`
}

// The address of an end that is not in question.
const elsewhere = "10.255.255.1"

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<26)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var asked request
		if err := json.Unmarshal(in.Bytes(), &asked); err != nil {
			fail(err)
		}
		if err := out.Encode(answered(asked)); err != nil {
			fail(err)
		}
	}
	if err := in.Err(); err != nil {
		fail(err)
	}
}

func answered(asked request) response {
	for _, policy := range asked.Policies {
		complete(policy)
	}
	policies := matcher.BuildNetworkPolicies(false, asked.Policies)
	found := response{ID: asked.ID}
	for _, each := range asked.Queries {
		source, destination := asked.Pods[each.Source], asked.Pods[each.Destination]
		var own answer
		for _, address := range each.Addresses {
			comesIn := each.traffic(peer(source, address), peer(destination, elsewhere))
			goesOut := each.traffic(peer(source, elsewhere), peer(destination, address))
			own.Ingress = append(own.Ingress, policies.IsTrafficAllowed(comesIn).Ingress.IsAllowed())
			own.Egress = append(own.Egress, policies.IsTrafficAllowed(goesOut).Egress.IsAllowed())
		}
		found.Answers = append(found.Answers, own)
	}
	for _, each := range asked.Selections {
		selector, err := metav1.LabelSelectorAsSelector(&each.Selector)
		if err != nil {
			fail(err)
		}
		found.Selected = append(found.Selected, selector.Matches(labels.Set(each.Labels)))
	}
	return found
}

func (q query) traffic(source, destination *matcher.TrafficPeer) *matcher.Traffic {
	return &matcher.Traffic{
		Source:           source,
		Destination:      destination,
		ResolvedPort:     q.Port,
		ResolvedPortName: q.PortName,
		Protocol:         v1.Protocol(q.Protocol),
	}
}

func peer(own pod, address string) *matcher.TrafficPeer {
	return &matcher.TrafficPeer{
		Internal: &matcher.InternalPeer{
			PodLabels:       own.Labels,
			NamespaceLabels: own.NamespaceLabels,
			Namespace:       own.Namespace,
		},
		IP: address,
	}
}

// What the API server fills in before any plugin sees a policy: cyclonus expects it done.
func complete(policy *networkingv1.NetworkPolicy) {
	if len(policy.Spec.PolicyTypes) == 0 {
		policy.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(policy.Spec.Egress) > 0 {
			policy.Spec.PolicyTypes = append(policy.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
	tcp := v1.ProtocolTCP
	for _, rule := range policy.Spec.Ingress {
		for i := range rule.Ports {
			if rule.Ports[i].Protocol == nil {
				rule.Ports[i].Protocol = &tcp
			}
		}
	}
	for _, rule := range policy.Spec.Egress {
		for i := range rule.Ports {
			if rule.Ports[i].Protocol == nil {
				rule.Ports[i].Protocol = &tcp
			}
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
