package route

import (
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
)

// Limits of a path.
const (
	MaxPath     = 255 // bytes
	MaxSegments = 16
)

// The methods that a route can have, and those it has if none is named: what the
// original architecture's clients send.
var (
	methods        = []string{"DELETE", "GET", "PATCH", "POST", "PUT"}
	defaultMethods = []string{"POST", "PUT"}
)

// The public listener answers these first segments itself, and everything that
// begins with an underscore.
var reserved = []string{"healthz", "readyz", "metrics", "console", "api"}

// CheckPath reports what is wrong with the path of a route: it must be a slash
// and a name, any number of times up to MaxSegments, of unreserved characters
// (RFC 3986: letters, digits, - . _ ~), and not one that the listener needs.
func CheckPath(path string) error {
	if path == "" || path[0] != '/' {
		return errs.Invalidf("The path %.100q does not begin with a slash. Write it as in /blazingtext.", path)
	}
	if len(path) > MaxPath {
		return errs.Invalidf("The path is %d characters long; at most %d are possible.", len(path), MaxPath)
	}
	if path == "/" {
		return errs.Invalidf("The path / belongs to the site at the root. Give the route a name, as in /blazingtext.")
	}
	segments := strings.Split(path[1:], "/")
	if len(segments) > MaxSegments {
		return errs.Invalidf("The path %s has %d segments; at most %d are possible.", path, len(segments), MaxSegments)
	}
	for _, s := range segments {
		switch {
		case s == "":
			return errs.Invalidf("The path %.100q has an empty segment: no // and no slash at the end, please.", path)
		case s == "." || s == "..":
			return errs.Invalidf("The path %.100q has the segment %q, which clients resolve before they send it.", path, s)
		case strings.ContainsAny(s, "{}"):
			return errs.Invalidf("The path %.100q has a parameter; routes are matched as they are written.", path)
		}
		for i := range len(s) {
			if !unreserved(s[i]) {
				return errs.Invalidf("The path %.100q has a %q in it; letters, digits, - . _ and ~ are possible.", path, s[i:i+1])
			}
		}
	}
	first := strings.ToLower(segments[0])
	if first[0] == '_' || slices.Contains(reserved, first) {
		return errs.Invalidf("The path %s is reserved: /%s belongs to the listener itself. Choose another first segment.", path, segments[0])
	}
	return nil
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// checkMethods returns the methods in upper case, sorted and each once.
func checkMethods(given []string) ([]string, error) {
	if len(given) == 0 {
		return slices.Clone(defaultMethods), nil
	}
	var out []string
	for _, m := range given {
		upper := strings.ToUpper(m)
		switch {
		case upper == "ANY":
			out = append(out, methods...)
		case upper == "OPTIONS":
			return nil, errs.Invalidf("OPTIONS is answered by the gateway for every route. Leave it out.")
		case !slices.Contains(methods, upper):
			return nil, errs.Invalidf("%.40q is not a method that a route can have. Those are %s and ANY.", m, strings.Join(methods, ", "))
		default:
			out = append(out, upper)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// check fills in what r leaves open and reports what is wrong with it.
func (s *Service) check(r Route) (Route, error) {
	if r.API == "" {
		r.API = DefaultAPI
	}
	if r.API != DefaultAPI {
		return r, errs.New(errs.NotFound, "NotFoundException", "There is no API named %.100q. The only one is %q.", r.API, DefaultAPI)
	}
	if err := CheckPath(r.Path); err != nil {
		return r, err
	}
	var err error
	if r.Methods, err = checkMethods(r.Methods); err != nil {
		return r, err
	}
	if r.Function == "" {
		return r, errs.Invalidf("The route %s has no function. Name the one it runs, such as classify.", r.Path)
	}
	if err := s.functions.Check(r.Function, r.Config); err != nil {
		return r, err
	}
	switch r.Integration {
	case "":
		r.Integration = Passthrough
		if s.functions.Proxied(r.Function) {
			r.Integration = Proxy
		}
	case Passthrough, Proxy:
	default:
		return r, errs.Invalidf("%.40q is not an integration. It is %q or %q.", r.Integration, Passthrough, Proxy)
	}
	return r, nil
}
