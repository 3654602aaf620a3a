package function

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam/policy"
	"github.com/heliograph/heliograph/internal/store"
)

// Policies are the functions' own policies, which say who may call them besides
// those whose policies allow it. A change is on disk when the call that made it
// returns, and in force after Reload; reading takes no lock and no database.
type Policies struct {
	db      *store.DB
	records *store.Collection[policyDoc]
	prefix  string // of the ARNs of functions

	reload   sync.Mutex // held over a Reload, so that what is in force never goes back
	compiled atomic.Pointer[map[string]*functionPolicy]
}

// policyDoc is a function's policy as it is kept. Without permissions there is
// none; the record stays, for its version.
type policyDoc struct {
	Revision    string       `json:"revision"` // another one after each change
	Permissions []Permission `json:"permissions"`
}

// functionPolicy is a policy ready for use.
type functionPolicy struct {
	version  int64
	doc      policyDoc
	text     string
	attached *policy.Attached
}

// NewPolicies returns the policies that the database holds, of functions in that
// region and account.
func NewPolicies(ctx context.Context, db *store.DB, region, account string) (*Policies, error) {
	p := &Policies{
		db:      db,
		records: store.NewCollection[policyDoc](db, "function-policy"),
		prefix:  "arn:aws:lambda:" + region + ":" + account + ":function:",
	}
	if err := p.Reload(ctx); err != nil {
		return nil, fmt.Errorf("function policies: load: %w", err)
	}
	return p, nil
}

// ARN names a function.
func (p *Policies) ARN(function string) string { return p.prefix + function }

// Of returns the policy of the function of that ARN; nil if it has none, also
// for what is no function.
func (p *Policies) Of(_ context.Context, resource string) (*policy.Attached, error) {
	name, ok := strings.CutPrefix(resource, p.prefix)
	if !ok {
		return nil, nil
	}
	if found := p.find(name); found != nil {
		return found.attached, nil
	}
	return nil, nil
}

// find returns the policy in force of a function, nil if it has none.
func (p *Policies) find(function string) *functionPolicy { return (*p.compiled.Load())[function] }

// Grant lets API Gateway call the function for requests, which are named as their
// ARNs end behind the account and may have wildcards, in a statement with the id
// sid. It replaces what the statement said before. In a transaction of ctx it is a
// part of that.
func (p *Policies) Grant(ctx context.Context, function, sid string, requests []string) error {
	granted := Permission{StatementID: sid, Action: actionInvoke, Principal: gatewayService, SourceARNs: requests, Route: true}
	return p.change(ctx, function, func(doc *policyDoc) error {
		if i := doc.find(sid); i >= 0 {
			doc.Permissions[i] = granted
		} else {
			doc.Permissions = append(doc.Permissions, granted)
		}
		return nil
	})
}

// Revoke takes away what Grant gave. That it is gone already is no error, and
// what somebody else has put in its place stays.
func (p *Policies) Revoke(ctx context.Context, function, sid string) error {
	return p.change(ctx, function, func(doc *policyDoc) error {
		i := doc.find(sid)
		if i < 0 || !doc.Permissions[i].Route {
			return errUnchanged
		}
		doc.Permissions = slices.Delete(doc.Permissions, i, i+1)
		return nil
	})
}

// change changes the policy of a function by fn in one transaction. If fn returns
// errUnchanged nothing is written.
func (p *Policies) change(ctx context.Context, function string, fn func(*policyDoc) error) error {
	err := p.db.Tx(ctx, func(ctx context.Context) error {
		there := false
		_, err := p.records.Update(ctx, function, func(r *store.Record[policyDoc]) error {
			there = true
			err := fn(&r.Doc)
			r.Doc.Revision = uuid.NewString()
			return err
		})
		if there || !errs.Is(err, errs.NotFound) {
			return err
		}
		var doc policyDoc
		if err := fn(&doc); err != nil {
			return err
		}
		doc.Revision = uuid.NewString()
		_, err = p.records.Create(ctx, store.Record[policyDoc]{Name: function, Doc: doc})
		return err
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// errUnchanged ends a change that has nothing to do.
var errUnchanged = errors.New("nothing to change")

// Reload puts in force what is stored, even if its caller is gone by then.
func (p *Policies) Reload(ctx context.Context) error {
	p.reload.Lock()
	defer p.reload.Unlock()
	var before map[string]*functionPolicy
	if known := p.compiled.Load(); known != nil {
		before = *known
	}
	now := map[string]*functionPolicy{}
	for query := (store.Query{Order: store.ByName, Limit: 1000}); ; {
		page, next, err := p.records.List(context.WithoutCancel(ctx), query)
		if err != nil {
			return err
		}
		for _, r := range page {
			if known := before[r.Name]; known != nil && known.version == r.Version {
				now[r.Name] = known
			} else if len(r.Doc.Permissions) > 0 {
				if now[r.Name], err = p.compile(r); err != nil {
					return err
				}
			}
		}
		if query.Token = next; next == "" {
			p.compiled.Store(&now)
			return nil
		}
	}
}

func (p *Policies) compile(r store.Record[policyDoc]) (*functionPolicy, error) {
	text := p.document(r.Name, r.Doc.Permissions)
	doc, err := policy.Parse(text, policy.Resource)
	if err != nil {
		return nil, fmt.Errorf("the policy of function %s: %w", r.Name, err)
	}
	return &functionPolicy{r.Version, r.Doc, string(text), &policy.Attached{Name: "function:" + r.Name, Document: doc}}, nil
}

// document is the policy of permissions as AWS Lambda words it.
func (p *Policies) document(function string, permissions []Permission) []byte {
	document := struct {
		Version   string
		Id        string
		Statement []statement
	}{Version: policy.Version2012, Id: "default"}
	for i := range permissions {
		document.Statement = append(document.Statement, permissions[i].statement(p.ARN(function)))
	}
	return encode(document)
}

// encode is JSON without the escapes for HTML; v has nothing but strings in it.
func encode(v any) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

// find returns the place of the statement with that id, -1 if there is none.
func (d *policyDoc) find(sid string) int {
	return slices.IndexFunc(d.Permissions, func(p Permission) bool { return p.StatementID == sid })
}
