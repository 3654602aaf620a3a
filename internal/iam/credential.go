package iam

import (
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
)

// credential finds the access key of a request and who it stands for. A session
// token belongs to the keys that AssumeRole and its like hand out; with another
// key it is refused, since a stale one in a client's environment is a frequent
// mistake that would otherwise look like success.
func (s *Service) credential(r *http.Request, id string) (*credential, error) {
	token, err := sessionToken(r)
	switch {
	case err != nil:
		return nil, err
	case subtle.ConstantTimeCompare([]byte(id), []byte(s.root.key.ID)) == 1:
		if token != "" {
			return nil, badToken()
		}
		return &s.root, nil
	case s.access == nil:
		return nil, unknownKey()
	case strings.HasPrefix(id, "ASIA"):
		return s.sessionCredential(r, id, token)
	case token != "":
		return nil, badToken()
	}
	ctx := r.Context()
	key, err := s.access.find(ctx, id)
	if err != nil {
		return nil, err
	}
	p, err := s.userPrincipal(ctx, key.user)
	if errs.Is(err, errs.NotFound) { // deleted between the two
		return nil, unknownKey()
	} else if err != nil {
		return nil, err
	}
	p.AccessKeyID = key.key.ID
	return &credential{key: key.key, principal: p, lasting: true}, nil
}

func (s *Service) sessionCredential(r *http.Request, id, token string) (*credential, error) {
	if token == "" {
		return nil, unknownKey()
	}
	o, err := s.sessions.read(s.cfg.Keyring, id, token)
	if err != nil {
		return nil, err
	}
	p, err := s.sessionPrincipal(r.Context(), o)
	if err != nil {
		return nil, err
	}
	return &credential{key: Key{ID: o.KeyID, Secret: o.Secret}, principal: p}, nil
}

// sessionToken is the request's session token, "" if it has none. It stands among
// the headers or, in a presigned URL, among the parameters; signatures cover both.
func sessionToken(r *http.Request) (string, error) {
	const header = "X-Amz-Security-Token"
	found := r.Header[header]
	for _, name := range [...]string{header, "x-amz-security-token"} {
		if !hasParam(r.URL.RawQuery, name) {
			continue
		}
		value, count := queryParam(r.URL.RawQuery, name)
		if count != 1 {
			return "", badQuery("The parameter %s must be given once.", name)
		}
		found = append(found[:len(found):len(found)], value)
	}
	switch {
	case len(found) == 0:
		return "", nil
	case len(found) > 1:
		return "", badQuery("The session token is given %d times; give it once, as a header or as a parameter.", len(found))
	case found[0] == "":
		return "", badToken()
	}
	return found[0], nil
}

// shownKey is the id that a request names, if it looks like one. What else people
// put in its place by mistake may be their secret, which is not to be written down.
func (s *Service) shownKey(id string) string {
	looks := len(id) >= 16 && len(id) <= 128 && (strings.HasPrefix(id, "AKIA") || strings.HasPrefix(id, "ASIA"))
	for i := 0; looks && i < len(id); i++ {
		looks = 'A' <= id[i] && id[i] <= 'Z' || '0' <= id[i] && id[i] <= '9'
	}
	if looks || id == "" || id == s.root.key.ID {
		return id
	}
	return "(no access key id)"
}

// note remembers that a user's key has signed.
func (s *Service) note(c *credential, service, region string) {
	if c.lasting {
		s.access.used(c.key.ID, service, region)
	}
}
