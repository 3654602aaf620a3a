package iam

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/heliograph/heliograph/internal/audit"
	"github.com/heliograph/heliograph/internal/errs"
)

// Recorder keeps the audit trail; *audit.Trail is one. When Record fails, the
// call that the entry is about fails.
type Recorder interface {
	Record(ctx context.Context, e *audit.Entry) error
}

// entries saves an allocation for each call.
var entries = sync.Pool{New: func() any { return new(audit.Entry) }}

// record adds who, from where and in which request to e and hands it to the
// trail, which keeps nothing of it. The error is Internal.
func (s *Service) record(ctx context.Context, entry audit.Entry) error {
	e := entries.Get().(*audit.Entry)
	defer entries.Put(e)
	*e = entry
	r := requestOf(ctx)
	if r != nil {
		r.decided.Store(true)
		if e.Decision == audit.Denied || e.Decision == audit.Refused {
			r.refused.Store(true)
		}
	}
	if s.cfg.Recorder == nil {
		return nil
	}
	e.Time = s.cfg.Now()
	if r != nil {
		e.Request, e.Source, e.Agent, e.Operation = r.info.RequestID, r.info.SourceIP, r.info.UserAgent, r.operation
	}
	if err := s.cfg.Recorder.Record(ctx, e); err != nil {
		return errs.Wrap(err, errs.Internal, "", "The call could not be recorded in the audit trail, so it was not carried out. "+
			"The server's log has the cause under this request id.")
	}
	return nil
}

// Opened records a call of ctx's principal that needs no permission.
func (s *Service) Opened(ctx context.Context, action string) error {
	p, _ := PrincipalOf(ctx)
	return s.record(ctx, audit.Entry{Decision: audit.Unasked, Principal: p.ARN, Key: p.AccessKeyID, Action: action})
}

// Refused records a request that Verify or a limit refused with err.
func (s *Service) Refused(r *http.Request, err error) error {
	code := errs.CodeOf(err)
	if code == "" {
		code = strings.ReplaceAll(errs.KindOf(err).String(), " ", "-") // of limits, which protocols word
	}
	return s.record(r.Context(), audit.Entry{
		Decision: audit.Refused, Key: s.shownKey(claimedKey(r)), Resource: r.Method + " " + clip(r.URL.Path), Error: code,
	})
}

// Ended records how a request ended, if that is not in the trail already: it
// failed with the error code although nothing said no, or nothing was decided.
func (s *Service) Ended(r *http.Request, code string) error {
	of := requestOf(r.Context())
	if of == nil || of.decided.Load() && (code == "" || of.refused.Load()) {
		return nil
	}
	return s.record(r.Context(), audit.Entry{Principal: of.caller, Key: of.key, Resource: clip(r.Method + " " + r.URL.Path), Error: code})
}

// claimedKey is the access key id that a request names. It proves nothing.
func claimedKey(r *http.Request) string {
	form, err := formOf(r)
	if err != nil {
		return ""
	}
	key := ""
	switch form {
	case v2Header:
		key, _, _ = strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS "), ":")
	case v2Query:
		key, _ = queryParam(r.URL.RawQuery, "AWSAccessKeyId")
	case v4Header:
		_, key, _ = strings.Cut(r.Header.Get("Authorization"), "Credential=")
		key, _, _ = strings.Cut(key, "/")
	case v4Query:
		key, _ = queryParam(r.URL.RawQuery, "X-Amz-Credential")
		key, _, _ = strings.Cut(key, "/")
	}
	return key
}

// durable reports whether the action's entry must be on disk before the action
// begins: it changes what the server is told to do. Reading, and the work itself
// (objects, invocations), of which there may be thousands in a second, is content
// with an entry that survives the end of the process.
func durable(action string) bool {
	service, verb, _ := strings.Cut(action, ":")
	switch service {
	case "execute-api", "logs":
		return false
	case "s3":
		return strings.Contains(verb, "Bucket") && !isRead(verb) || verb == "PutObjectAcl"
	case "apigateway":
		return verb != "GET"
	}
	return !isRead(verb) && !strings.HasPrefix(verb, "Invoke") && verb != "PutMetricData"
}

func isRead(verb string) bool {
	for _, prefix := range [...]string{"Get", "List", "Describe", "Head", "Search", "Simulate"} {
		if strings.HasPrefix(verb, prefix) {
			return true
		}
	}
	return false
}
