package main

import (
	"net/netip"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbacpb "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routepb "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	jwt "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	template "github.com/envoyproxy/go-control-plane/envoy/extensions/path/match/uri_template/v3"
	matcher "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

const (
	spiffe       = "spiffe://"
	jwtFilter    = "envoy.filters.http.jwt_authn"
	forwardedFor = "x-forwarded-for"
)

// values is what the matchers of Envoy look at: a connection, and a request where there is one.
type values struct {
	call    *connection
	request *request
	remote  string
	path    string // normalized, with its query
	headers map[string]string
	// The claims of a token that was verified, under the keys of the filter's metadata.
	metadata map[string]any
}

// readRequest is what the connection manager makes of a request before any filter sees it.
func (v *values) readRequest(manager *hcm.HttpConnectionManager) {
	if v.request == nil {
		return
	}
	v.path = normalizedPath(v.request.Path, manager)
	v.headers = map[string]string{}
	for name, value := range v.request.Headers {
		v.headers[strings.ToLower(name)] = value
	}
	v.headers[":method"] = v.request.Method
	v.headers[":path"] = v.path
	v.headers[":authority"] = v.request.Host
	v.headers["host"] = v.request.Host
	if manager.GetUseRemoteAddress().GetValue() {
		return
	}
	addresses := strings.Split(v.headers[forwardedFor], ",")
	if at := len(addresses) - 1 - int(manager.GetXffNumTrustedHops()); at >= 0 {
		if address := strings.TrimSpace(addresses[at]); parses(address) {
			v.remote = address
		}
	}
}

func parses(address string) bool {
	_, err := netip.ParseAddr(address)
	return err == nil
}

// authenticate takes over the claims of the request's token; false: the token is refused.
//
// Whether a token is genuine is not the oracle's question: it is where a provider has its issuer.
func (v *values) authenticate(filter *jwt.JwtAuthentication) bool {
	if v.request == nil || v.request.JWT == nil {
		return true
	}
	issuer, _ := v.request.JWT["iss"].(string)
	for _, provider := range filter.GetProviders() {
		if provider.GetIssuer() != issuer && provider.GetIssuer() != "" {
			continue
		}
		claims := map[string]any{}
		for name, value := range v.request.JWT {
			claims[name] = value
		}
		for _, name := range provider.GetNormalizePayloadInMetadata().GetSpaceDelimitedClaims() {
			if text, is := claims[name].(string); is {
				parts := []any{}
				for _, part := range strings.Fields(text) {
					parts = append(parts, part)
				}
				claims[name] = parts
			}
		}
		v.metadata = map[string]any{provider.GetPayloadInMetadata(): claims}
		return true
	}
	return false
}

func (v *values) permission(p *rbacpb.Permission) bool {
	switch rule := p.GetRule().(type) {
	case *rbacpb.Permission_Any:
		return rule.Any
	case *rbacpb.Permission_AndRules:
		return every(rule.AndRules.GetRules(), v.permission)
	case *rbacpb.Permission_OrRules:
		return some(rule.OrRules.GetRules(), v.permission)
	case *rbacpb.Permission_NotRule:
		return !v.permission(rule.NotRule)
	case *rbacpb.Permission_Header:
		return v.header(rule.Header)
	case *rbacpb.Permission_UrlPath:
		return v.request != nil && matchesText(rule.UrlPath.GetPath(), bare(v.path))
	case *rbacpb.Permission_UriTemplate:
		config := &template.UriTemplateMatchConfig{}
		if err := rule.UriTemplate.GetTypedConfig().UnmarshalTo(config); err != nil {
			panic(err)
		}
		return v.request != nil && matchesTemplate(config.GetPathTemplate(), bare(v.path))
	case *rbacpb.Permission_DestinationIp:
		return within(rule.DestinationIp, v.call.destination)
	case *rbacpb.Permission_DestinationPort:
		return int(rule.DestinationPort) == v.call.port
	case *rbacpb.Permission_Metadata:
		return v.matchesMetadata(rule.Metadata)
	case *rbacpb.Permission_RequestedServerName:
		return matchesText(rule.RequestedServerName, v.call.sni)
	default:
		panic(p.String())
	}
}

func (v *values) principal(p *rbacpb.Principal) bool {
	switch id := p.GetIdentifier().(type) {
	case *rbacpb.Principal_Any:
		return id.Any
	case *rbacpb.Principal_AndIds:
		return every(id.AndIds.GetIds(), v.principal)
	case *rbacpb.Principal_OrIds:
		return some(id.OrIds.GetIds(), v.principal)
	case *rbacpb.Principal_NotId:
		return !v.principal(id.NotId)
	case *rbacpb.Principal_Authenticated_:
		return v.call.identity != "" && matchesText(id.Authenticated.GetPrincipalName(), spiffe+v.call.identity)
	case *rbacpb.Principal_FilterState:
		return v.call.identity != "" && matchesText(id.FilterState.GetStringMatch(), spiffe+v.call.identity)
	case *rbacpb.Principal_DirectRemoteIp:
		return within(id.DirectRemoteIp, v.call.source)
	case *rbacpb.Principal_RemoteIp:
		return within(id.RemoteIp, v.remote)
	case *rbacpb.Principal_Header:
		return v.header(id.Header)
	case *rbacpb.Principal_Metadata:
		return v.matchesMetadata(id.Metadata)
	default:
		panic(p.String())
	}
}

func every[T any](items []T, holds func(T) bool) bool {
	for _, item := range items {
		if !holds(item) {
			return false
		}
	}
	return true
}

func some[T any](items []T, holds func(T) bool) bool {
	for _, item := range items {
		if holds(item) {
			return true
		}
	}
	return false
}

// header is Envoy's rule: a header that is not there matches nothing, unless the match is inverted.
func (v *values) header(m *routepb.HeaderMatcher) bool {
	value, found := v.headers[strings.ToLower(m.GetName())]
	var matched bool
	switch specifier := m.GetHeaderMatchSpecifier().(type) {
	case *routepb.HeaderMatcher_PresentMatch:
		return found == (specifier.PresentMatch != m.GetInvertMatch())
	case *routepb.HeaderMatcher_StringMatch:
		matched = found && matchesText(specifier.StringMatch, value)
	default:
		panic(m.String())
	}
	return found && matched != m.GetInvertMatch()
}

func (v *values) matchesMetadata(m *matcher.MetadataMatcher) bool {
	var value any
	if m.GetFilter() == jwtFilter && v.metadata != nil {
		value = any(v.metadata)
		for _, segment := range m.GetPath() {
			object, is := value.(map[string]any)
			if !is {
				value = nil
				break
			}
			value = object[segment.GetKey()]
		}
	}
	return matchesValue(m.GetValue(), value) != m.GetInvert()
}

func matchesValue(m *matcher.ValueMatcher, value any) bool {
	switch pattern := m.GetMatchPattern().(type) {
	case *matcher.ValueMatcher_StringMatch:
		text, is := value.(string)
		return is && matchesText(pattern.StringMatch, text)
	case *matcher.ValueMatcher_ListMatch:
		list, is := value.([]any)
		return is && some(list, func(item any) bool { return matchesValue(pattern.ListMatch.GetOneOf(), item) })
	case *matcher.ValueMatcher_OrMatch:
		return some(pattern.OrMatch.GetValueMatchers(), func(m *matcher.ValueMatcher) bool { return matchesValue(m, value) })
	default:
		panic(m.String())
	}
}

func within(block *corev3.CidrRange, address string) bool {
	base, err := netip.ParseAddr(block.GetAddressPrefix())
	if err != nil {
		panic(err)
	}
	prefix, err := base.Prefix(int(block.GetPrefixLen().GetValue()))
	if err != nil {
		panic(err)
	}
	found, err := netip.ParseAddr(address)
	return err == nil && prefix.Contains(found)
}
