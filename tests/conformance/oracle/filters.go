package main

import (
	"regexp"
	"strings"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	rbacpb "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	exthttp "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	jwt "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	rbachttp "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	exttcp "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/ext_authz/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	rbactcp "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// customPrefix is what the names of rules begin with that an external authorizer is asked for.
const customPrefix = "istio-ext-authz"

// filterChain holds the filters of one chain that decide who gets in, in their order.
type filterChain struct {
	source  *listener.FilterChain
	manager *hcm.HttpConnectionManager // nil: a chain of TCP
	steps   []step
}

// step is one filter: rules, an authorizer, or tokens.
type step struct {
	rules      *rbacpb.RBAC // enforced
	shadow     *rbacpb.RBAC // the rules that an authorizer is asked for
	authorizer bool
	tokens     *jwt.JwtAuthentication
}

func newFilterChain(source *listener.FilterChain) *filterChain {
	c := &filterChain{source: source}
	for _, f := range source.GetFilters() {
		switch message := unpack(f.GetTypedConfig()).(type) {
		case *rbactcp.RBAC:
			c.addRules(message.GetRules(), message.GetShadowRules(), message.GetShadowRulesStatPrefix())
		case *exttcp.ExtAuthz:
			c.steps = append(c.steps, step{authorizer: true})
		case *hcm.HttpConnectionManager:
			c.manager = message
		}
	}
	for _, f := range c.manager.GetHttpFilters() {
		switch message := unpack(f.GetTypedConfig()).(type) {
		case *rbachttp.RBAC:
			c.addRules(message.GetRules(), message.GetShadowRules(), message.GetShadowRulesStatPrefix())
		case *exthttp.ExtAuthz:
			c.steps = append(c.steps, step{authorizer: true})
		case *jwt.JwtAuthentication:
			c.steps = append(c.steps, step{tokens: message})
		}
	}
	return c
}

// unpack is the message in an Any; nil for those of no interest here that are not compiled in.
func unpack(packed *anypb.Any) proto.Message {
	if packed == nil {
		return nil
	}
	message, err := packed.UnmarshalNew()
	if err != nil {
		return nil
	}
	return message
}

func (c *filterChain) addRules(rules, shadow *rbacpb.RBAC, prefix string) {
	s := step{rules: rules}
	if strings.HasPrefix(prefix, "istio_ext_authz_") {
		s.shadow = shadow
	}
	c.steps = append(c.steps, s)
}

func (c *filterChain) kind() string {
	if c.manager != nil {
		return "http"
	}
	return "tcp"
}

// trusts tells whether the TLS layer lets an identity in: one of its subject names, if it has any.
func (c *filterChain) trusts(identity string) bool {
	if identity == "" || c.source.GetTransportSocket() == nil {
		return true
	}
	names := downstreamTLS(c.source).GetCommonTlsContext().GetCombinedValidationContext().
		GetDefaultValidationContext().GetMatchSubjectAltNames()
	for _, name := range names {
		if matchesText(name, spiffe+identity) {
			return true
		}
	}
	return len(names) == 0
}

var ruleName = regexp.MustCompile(`^(?:istio-ext-authz.*?-)?ns\[(.*?)\]-policy\[(.*?)\]-rule\[(\d+)\]`)

// shown is a rule as cases name it: `namespace/name#index`.
func shown(name string) string {
	parts := ruleName.FindStringSubmatch(name)
	return parts[1] + "/" + parts[2] + "#" + parts[3]
}

// judge runs the filters over one request, or over bytes that are not HTTP.
//
// All of them are asked, whatever decides: a row tells every rule that matches. A token that is
// refused keeps a request from all that comes behind it, so that no rule is told then.
func (c *filterChain) judge(call *connection, r *request) judgement {
	v := &values{call: call, remote: call.source}
	if c.manager != nil {
		v.request = r
		v.readRequest(c.manager)
	}
	found := judgement{outcome: "allow"}
	asked, pending, denied := false, false, false
	for _, s := range c.steps {
		switch {
		case s.tokens != nil:
			if !v.authenticate(s.tokens) {
				return judgement{outcome: "unauthenticated"}
			}
		case s.authorizer:
			asked = asked || pending
			pending = false
		default:
			if s.shadow != nil {
				names := v.matching(s.shadow)
				pending = len(names) > 0
				found.matched = append(found.matched, names...)
			}
			if s.rules != nil {
				names := v.matching(s.rules)
				found.matched = append(found.matched, names...)
				switch s.rules.GetAction() {
				case rbacpb.RBAC_DENY:
					denied = denied || len(names) > 0
				case rbacpb.RBAC_ALLOW:
					denied = denied || len(names) == 0
				case rbacpb.RBAC_LOG:
				}
			}
		}
	}
	switch {
	case denied:
		found.outcome = "deny"
	case asked:
		found.outcome = "custom"
	}
	return found
}

// matching lists the rules that match, in no order.
func (v *values) matching(rules *rbacpb.RBAC) []string {
	var names []string
	for name, policy := range rules.GetPolicies() {
		if v.policy(policy) {
			names = append(names, shown(name))
		}
	}
	return names
}

func (v *values) policy(p *rbacpb.Policy) bool {
	permitted := false
	for _, permission := range p.GetPermissions() {
		permitted = permitted || v.permission(permission)
	}
	if !permitted {
		return false
	}
	for _, principal := range p.GetPrincipals() {
		if v.principal(principal) {
			return true
		}
	}
	return false
}
