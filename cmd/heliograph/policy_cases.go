package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/iam/policy"
	"github.com/heliograph/heliograph/internal/iam/policy/cases"
)

// newPolicyTestCommand is the verb that tries policies before they are applied.
func newPolicyTestCommand(*access) *cobra.Command {
	return &cobra.Command{
		Use:   "test FILE...",
		Short: "Check files that say what policies are to allow and deny",
		Long: `Decides the cases in files as the server would, without one, and says which came
out otherwise than they say. A file names policies, who calls, and the outcome:

  policy Reader from reader.json
  given identity Reader
  as user alice
  s3:GetObject on arn:aws:s3:::data/in.txt is allowed by Reader
  s3:PutObject on arn:aws:s3:::data/in.txt is denied because no identity-based policy allows it

docs/policies.md has the whole language. The exit code is 1 if a case fails.`,
		Example: "  heliograph policy test access.txt",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			failed, err := testPolicies(c.OutOrStdout(), args)
			if err == nil && failed > 0 {
				err = exitCode(1)
			}
			return err
		},
	}
}

// testPolicies runs files of cases and returns how many cases failed.
func testPolicies(w io.Writer, files []string) (failed int, err error) {
	total := 0
	for _, name := range files {
		src, err := readSmall(name, cases.MaxFile)
		if err != nil {
			return failed, err
		}
		all, err := cases.Read(src, func(path string) ([]byte, error) {
			if !filepath.IsAbs(path) {
				path = filepath.Join(filepath.Dir(name), path)
			}
			return readSmall(path, policy.MaxBytes)
		})
		if err != nil {
			return failed, fmt.Errorf("%s:%w", name, err)
		}
		total += len(all)
		for _, f := range cases.Run(all) {
			failed++
			fmt.Fprintf(w, "%s:%s", name, f.String())
		}
	}
	if failed > 0 {
		_, err = fmt.Fprintf(w, "%d of %d cases failed.\n", failed, total)
	} else {
		_, err = fmt.Fprintf(w, "%d cases, all as they say.\n", total)
	}
	return failed, err
}

// readSmall reads a file of at most limit bytes, "-" for the standard input.
func readSmall(name string, limit int64) ([]byte, error) {
	f := os.Stdin
	if name == "-" {
		name = "standard input"
	} else {
		var err error
		if f, err = os.Open(name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, pathless(err))
		}
		defer f.Close()
	}
	src, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, pathless(err))
	case int64(len(src)) > limit:
		return nil, fmt.Errorf("%s: the file is larger than %d bytes", name, limit)
	}
	return src, nil
}
