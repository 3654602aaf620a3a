package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/audit"
	"github.com/heliograph/heliograph/internal/iam/policy"
	"github.com/heliograph/heliograph/internal/rest"
)

// newPolicyGenerateCommand makes a policy of what a principal did.
func newPolicyGenerateCommand(a *access) *cobra.Command {
	principal, from, to := "", "", ""
	c := &cobra.Command{
		Use:   "generate",
		Short: "Write the policy that allows what a principal did, by the audit trail",
		Long: `Reads in the audit trail what a user, or the sessions of a role, were allowed to
do, and prints a policy that allows this and little else. Look it over: what is done
once a year is missing if the trail is younger, and folders stand for what is in them
where it was much.`,
		Example: `  heliograph policy generate --principal arn:aws:iam::000000000000:user/ann --from 168h > ann.json
  heliograph policy generate --principal 'arn:aws:sts::000000000000:assumed-role/Trainer/*'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			q := audit.Query{Principal: principal, Decision: audit.Allowed, Limit: 1000}
			var err error
			if q.From, err = moment("--from", from, time.Now()); err != nil {
				return err
			}
			if q.To, err = moment("--to", to, time.Now()); err != nil {
				return err
			}
			server, err := a.at.client()
			if err != nil {
				return err
			}
			uses, err := usesOf(c.Context(), server, q)
			if err != nil {
				return err
			}
			if len(uses) == 0 {
				return fmt.Errorf("the audit trail has nothing that %s was allowed to do in this time; see heliograph audit list --principal", principal)
			}
			text, err := policy.Generate(uses)
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&principal, "principal", "", "ARN of the user or session; * and ? are wildcards")
	f.StringVar(&from, "from", "", "not before this time (2026-01-31, 2026-01-31T12:00:00Z) or this long ago (90m, 168h)")
	f.StringVar(&to, "to", "", "before this time, or this long ago")
	_ = c.MarkFlagRequired("principal") // it exists
	return c
}

// trail is where entries of the audit trail come from, page by page.
type trail interface {
	FindAudit(ctx context.Context, q audit.Query) (rest.AuditPage, error)
}

// usesOf reads what the query finds, each use once.
func usesOf(ctx context.Context, t trail, q audit.Query) (uses []policy.Use, err error) {
	seen := map[policy.Use]bool{}
	for {
		page, err := t.FindAudit(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, line := range page.Entries {
			var e audit.Entry
			if err := json.Unmarshal(line, &e); err != nil {
				return nil, fmt.Errorf("an entry of the audit trail: %w", err)
			}
			u := policy.Use{Action: e.Action, Resource: e.Resource}
			if e.Action != "" && e.Resource != "" && !seen[u] {
				seen[u] = true
				uses = append(uses, u)
			}
		}
		if q.Token = page.Next; q.Token == "" {
			return uses, nil
		}
	}
}
