package main

import (
	"regexp"
	"strings"
	"sync"

	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	matcher "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

var expressions sync.Map

// expression is a regular expression that has to match a whole text.
func expression(pattern string) *regexp.Regexp {
	if found, known := expressions.Load(pattern); known {
		return found.(*regexp.Regexp)
	}
	compiled := regexp.MustCompile(`^(?s:` + pattern + `)$`)
	expressions.Store(pattern, compiled)
	return compiled
}

// matchesText is Envoy's StringMatcher.
func matchesText(m *matcher.StringMatcher, text string) bool {
	fold := func(s string) string {
		if m.GetIgnoreCase() {
			return strings.ToLower(s)
		}
		return s
	}
	switch pattern := m.GetMatchPattern().(type) {
	case *matcher.StringMatcher_Exact:
		return fold(text) == fold(pattern.Exact)
	case *matcher.StringMatcher_Prefix:
		return strings.HasPrefix(fold(text), fold(pattern.Prefix))
	case *matcher.StringMatcher_Suffix:
		return strings.HasSuffix(fold(text), fold(pattern.Suffix))
	case *matcher.StringMatcher_Contains:
		return strings.Contains(fold(text), fold(pattern.Contains))
	case *matcher.StringMatcher_SafeRegex:
		return expression(pattern.SafeRegex.GetRegex()).MatchString(text)
	default:
		panic(m.String())
	}
}

const segment = `[A-Za-z0-9\-._~%!$&'()+,;:@=*]`

// matchesTemplate is Envoy's path template: `*` is one segment, `**` any rest.
func matchesTemplate(template, path string) bool {
	var pattern strings.Builder
	for i, part := range strings.Split(template, "/") {
		if i > 0 {
			pattern.WriteString("/")
		}
		switch part {
		case "*":
			pattern.WriteString(segment + "+")
		case "**":
			pattern.WriteString("(?:" + segment + "|/)*")
		default:
			pattern.WriteString(regexp.QuoteMeta(part))
		}
	}
	return expression(pattern.String()).MatchString(path)
}

// bare is a path without query and fragment.
func bare(path string) string {
	if at := strings.IndexAny(path, "?#"); at >= 0 {
		return path[:at]
	}
	return path
}

// normalizedPath is a path as the connection manager's settings rewrite it, its query as it is.
func normalizedPath(sent string, manager *hcm.HttpConnectionManager) string {
	path, query := bare(sent), sent[len(bare(sent)):]
	if manager.GetPathWithEscapedSlashesAction() == hcm.HttpConnectionManager_UNESCAPE_AND_FORWARD {
		path = strings.NewReplacer("%2F", "/", "%2f", "/", "%5C", `\`, "%5c", `\`).Replace(path)
	}
	if manager.GetNormalizePath().GetValue() {
		path = withoutDots(strings.ReplaceAll(path, `\`, "/"))
	}
	if manager.GetMergeSlashes() {
		for strings.Contains(path, "//") {
			path = strings.ReplaceAll(path, "//", "/")
		}
	}
	return path + query
}

// withoutDots resolves `.` and `..` (RFC 3986, 5.2.4).
func withoutDots(path string) string {
	parts := strings.Split(path, "/")[1:]
	kept := []string{}
	for i, part := range parts {
		last := i == len(parts)-1
		switch part {
		case ".", "..":
			if part == ".." && len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
			if last {
				kept = append(kept, "")
			}
		default:
			kept = append(kept, part)
		}
	}
	return "/" + strings.Join(kept, "/")
}
