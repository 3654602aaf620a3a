package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/heliograph/heliograph/internal/audit"
	"github.com/heliograph/heliograph/internal/errs"
)

// Audit is the audit trail.
type Audit interface {
	Find(ctx context.Context, q audit.Query) (audit.Page, error)
	End() audit.Point
}

// AuditLine is an entry of the audit trail, byte for byte as it is there.
type AuditLine json.RawMessage

// MarshalJSON is the line.
func (l AuditLine) MarshalJSON() ([]byte, error) { return l, nil }

// UnmarshalJSON keeps the line.
func (l *AuditLine) UnmarshalJSON(text []byte) error {
	*l = append((*l)[:0], text...)
	return nil
}

// Schema is that of the entry.
func (AuditLine) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[audit.Entry](), true, "AuditEntry")
}

// AuditPage is a part of what a query finds.
type AuditPage struct {
	Entries []AuditLine `json:"entries" nullable:"false" doc:"Entries in the order that was asked for"`
	Next    string      `json:"next,omitempty" doc:"Token of the next page. Newest first, the last page has none. Oldest first there is always one, since more may come"`
	End     bool        `json:"end" doc:"Whether there is nothing on the next page yet"`
}

// AuditPosition is how far the audit trail reaches.
type AuditPosition struct {
	Position string    `json:"position" doc:"Number and hash of the last entry. Who keeps it elsewhere can show later that nothing before it was changed: heliograph audit verify --position" example:"1042:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
	Time     time.Time `json:"time" doc:"When it was asked for"`
}

// AuditInput says which entries are wanted.
type AuditInput struct {
	From      time.Time `query:"from" doc:"Not before this time (RFC 3339)"`
	To        time.Time `query:"to" doc:"Before this time"`
	Principal string    `query:"principal" maxLength:"2048" doc:"ARN of who acted. As in all the texts that follow, * stands for any characters and ? for one"`
	Key       string    `query:"key" maxLength:"128" doc:"Access key id that signed"`
	Action    string    `query:"action" maxLength:"256" doc:"IAM action, such as s3:Get*"`
	Resource  string    `query:"resource" maxLength:"2048" doc:"ARN of what it was about"`
	Operation string    `query:"operation" maxLength:"256" doc:"Operation of the API"`
	Request   string    `query:"request" maxLength:"128" doc:"Request id"`
	Source    string    `query:"source" maxLength:"128" doc:"Address that the call came from"`
	Error     string    `query:"error" maxLength:"256" doc:"Code of the error that was answered"`
	Decision  string    `query:"decision" enum:"allowed,denied,refused,open" doc:"What was decided"`
	Oldest    bool      `query:"oldest" doc:"Oldest first, rather than newest first"`
	Limit     int       `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Entries of a page, at most"`
	Token     string    `query:"token" maxLength:"64" doc:"The next of the page before"`
}

func (a *api) audit(h huma.API) {
	tags := []string{"Audit"}
	operation(a, h, "heliograph:ListAuditEntries", huma.Operation{
		OperationID: "ListAuditEntries", Method: http.MethodGet, Path: Prefix + "/audit", Tags: tags,
		Summary: "Find entries of the audit trail",
		Errors:  []int{400, 401, 403, 422},
	}, func(ctx context.Context, in *AuditInput) (*struct{ Body AuditPage }, error) {
		if err := a.mayAudit(ctx, "heliograph:ListAuditEntries"); err != nil {
			return nil, err
		}
		page, err := a.Audit.Find(ctx, audit.Query(*in))
		if errors.Is(err, audit.ErrToken) {
			return nil, errs.New(errs.Invalid, "InvalidToken", "The token is not one of this trail, or what it points to is past its time. Ask again without it.")
		} else if err != nil {
			return nil, err
		}
		out := AuditPage{Entries: []AuditLine{}, Next: page.Next, End: page.End}
		for _, e := range page.Entries {
			out.Entries = append(out.Entries, AuditLine(e))
		}
		return &struct{ Body AuditPage }{out}, nil
	})
	operation(a, h, "heliograph:GetAuditPosition", huma.Operation{
		OperationID: "GetAuditPosition", Method: http.MethodGet, Path: Prefix + "/audit/position", Tags: tags,
		Summary: "Tell how far the audit trail reaches",
		Errors:  []int{401, 403},
	}, func(ctx context.Context, _ *struct{}) (*struct{ Body AuditPosition }, error) {
		if err := a.mayAudit(ctx, "heliograph:GetAuditPosition"); err != nil {
			return nil, err
		}
		return &struct{ Body AuditPosition }{AuditPosition{a.Audit.End().String(), time.Now().UTC()}}, nil
	})
}

// mayAudit authorises, and says it where there is nothing to look at.
func (a *api) mayAudit(ctx context.Context, action string) error {
	info := a.Info()
	if err := a.Authorizer.Authorize(ctx, action, fmt.Sprintf("arn:aws:heliograph:%s:%s:audit", info.Region, info.Account)); err != nil {
		return err
	}
	if a.Audit == nil {
		return errs.New(errs.NotFound, "NoAuditTrail", "This server keeps no audit trail: its setting audit is off.")
	}
	return nil
}
