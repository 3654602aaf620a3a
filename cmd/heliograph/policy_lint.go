package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/app"
	"github.com/heliograph/heliograph/internal/iam/policy"
)

// policyKinds are the values of --kind.
var policyKinds = map[string]policy.Kind{"identity": policy.Identity, "resource": policy.Resource, "trust": policy.Trust}

// newPolicyLintCommand is the verb that looks for mistakes in policies.
func newPolicyLintCommand(*access) *cobra.Command {
	kind, strict := "", false
	c := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Look for mistakes and over-wide grants in policy files",
		Long: `Looks for what a policy can't mean or shouldn't: actions that the server doesn't
have, statements that never match, and grants that are wider than people mean as a
rule. The exit code is 1 if there is a mistake; with --strict, a warning is enough.`,
		Example: "  heliograph policy lint reader.json\n  heliograph policy lint --kind trust role.json",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if _, known := policyKinds[kind]; kind != "" && !known {
				return fmt.Errorf("--kind %s: there are identity, resource and trust", kind)
			}
			bad, err := lintPolicies(c.OutOrStdout(), args, kind, strict)
			if err == nil && bad {
				err = exitCode(1)
			}
			return err
		},
	}
	c.Flags().StringVar(&kind, "kind", "", "what the policies are attached to: identity, resource or trust (default: by their elements)")
	c.Flags().BoolVar(&strict, "strict", false, "let warnings fail too")
	return c
}

// lintPolicies prints what is found and reports whether any of it is bad.
func lintPolicies(w io.Writer, files []string, kind string, strict bool) (bad bool, err error) {
	for _, name := range files {
		src, err := readSmall(name, policy.MaxBytes)
		if err != nil {
			return bad, err
		}
		of, given := policyKinds[kind]
		if !given {
			of = policy.GuessKind(src)
		}
		doc, err := policy.Parse(src, of)
		if err != nil {
			return bad, fmt.Errorf("%s: %w", name, err)
		}
		found := policy.Lint(doc, app.Actions())
		for _, f := range found {
			bad = bad || strict || f.Severity == policy.Mistake
			fmt.Fprintf(w, "%s:%s\n", name, f)
		}
		if len(found) == 0 {
			fmt.Fprintf(w, "%s: nothing found\n", name)
		}
	}
	return bad, nil
}
