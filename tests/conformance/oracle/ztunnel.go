package main

import (
	"net/netip"
	"slices"
	"strings"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pkg/util/sets"
	"istio.io/istio/pkg/workloadapi/security"
)

// ztunnelJudgement is what ztunnel makes of a connection, by the policies that the index attaches.
func (d *istiod) ztunnelJudgement(w *workload, call *connection) judgement {
	found := judgement{outcome: "allow"}
	closed, allowed, denied := false, false, false
	for _, policy := range d.attached(w) {
		matches := matchesPolicy(policy, call)
		if matches {
			found.matched = append(found.matched, policy.GetNamespace()+"/"+policy.GetName())
		}
		switch policy.GetAction() {
		case security.Action_DENY:
			denied = denied || matches
		case security.Action_ALLOW:
			closed = true
			allowed = allowed || matches
		}
	}
	if denied || closed && !allowed {
		found.outcome = "deny"
	}
	return found
}

// attached lists the policies of ztunnel for a workload: those of all, of its namespace, its own.
func (d *istiod) attached(w *workload) []*security.Authorization {
	infos, _ := d.Env().AmbientIndexes.AddressInformation(sets.New("/" + w.IP))
	named := sets.New[string]()
	for _, info := range model.ExtractWorkloadsFromAddresses(infos) {
		named.InsertAll(info.Workload.AuthorizationPolicies...)
	}
	var out []*security.Authorization
	for _, policy := range d.Env().AmbientIndexes.Policies(sets.New[model.ConfigKey]()) {
		a := policy.Authorization
		if a.GetDryRun() {
			continue
		}
		switch a.GetScope() {
		case security.Scope_GLOBAL:
			out = append(out, a)
		case security.Scope_NAMESPACE:
			if a.GetNamespace() == w.Namespace {
				out = append(out, a)
			}
		case security.Scope_WORKLOAD_SELECTOR:
			if named.Contains(a.GetNamespace() + "/" + a.GetName()) {
				out = append(out, a)
			}
		}
	}
	return out
}

// matchesPolicy is ztunnel's rule: any group, of which every rule has a match that holds.
func matchesPolicy(policy *security.Authorization, call *connection) bool {
	return some(policy.GetGroups(), func(group *security.Group) bool {
		return every(group.GetRules(), func(rules *security.Rules) bool {
			return some(rules.GetMatches(), func(m *security.Match) bool { return matchesConnection(m, call) })
		})
	})
}

// matchesConnection is ztunnel's rule for one match: every list that is not empty; none of them at
// all matches nothing.
func matchesConnection(m *security.Match, call *connection) bool {
	empty := true
	check := func(count int, holds bool, negated bool) bool {
		if count == 0 {
			return true
		}
		empty = false
		return holds != negated
	}
	namespace, account := accountOf(call.identity)
	proven := call.identity != ""
	texts := func(list []*security.StringMatch, value string) bool {
		return proven && some(list, func(each *security.StringMatch) bool { return matchesString(each, value) })
	}
	accounts := func(list []*security.ServiceAccountMatch) bool {
		return proven && some(list, func(each *security.ServiceAccountMatch) bool {
			return each.GetNamespace() == namespace && each.GetServiceAccount() == account
		})
	}
	addresses := func(list []*security.Address, value string) bool {
		return some(list, func(each *security.Address) bool { return inBlock(each, value) })
	}
	port := uint32(call.port)
	holds := check(len(m.GetNamespaces()), texts(m.GetNamespaces(), namespace), false)
	holds = check(len(m.GetNotNamespaces()), texts(m.GetNotNamespaces(), namespace), true) && holds
	holds = check(len(m.GetServiceAccounts()), accounts(m.GetServiceAccounts()), false) && holds
	holds = check(len(m.GetNotServiceAccounts()), accounts(m.GetNotServiceAccounts()), true) && holds
	holds = check(len(m.GetPrincipals()), texts(m.GetPrincipals(), call.identity), false) && holds
	holds = check(len(m.GetNotPrincipals()), texts(m.GetNotPrincipals(), call.identity), true) && holds
	holds = check(len(m.GetSourceIps()), addresses(m.GetSourceIps(), call.source), false) && holds
	holds = check(len(m.GetNotSourceIps()), addresses(m.GetNotSourceIps(), call.source), true) && holds
	holds = check(len(m.GetDestinationIps()), addresses(m.GetDestinationIps(), call.destination), false) && holds
	holds = check(len(m.GetNotDestinationIps()), addresses(m.GetNotDestinationIps(), call.destination), true) && holds
	holds = check(len(m.GetDestinationPorts()), slices.Contains(m.GetDestinationPorts(), port), false) && holds
	holds = check(len(m.GetNotDestinationPorts()), slices.Contains(m.GetNotDestinationPorts(), port), true) && holds
	return holds && !empty
}

func accountOf(identity string) (string, string) {
	parts := strings.Split(identity, "/")
	if len(parts) != 5 {
		return "", ""
	}
	return parts[2], parts[4]
}

func matchesString(m *security.StringMatch, value string) bool {
	switch kind := m.GetMatchType().(type) {
	case *security.StringMatch_Exact:
		return value == kind.Exact
	case *security.StringMatch_Prefix:
		return strings.HasPrefix(value, kind.Prefix)
	case *security.StringMatch_Suffix:
		return strings.HasSuffix(value, kind.Suffix)
	default:
		return value != ""
	}
}

func inBlock(block *security.Address, value string) bool {
	base, _ := netip.AddrFromSlice(block.GetAddress())
	prefix, err := base.Prefix(int(block.GetLength()))
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(value)
	return err == nil && prefix.Contains(address)
}
