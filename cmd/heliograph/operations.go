package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/app"
	"github.com/heliograph/heliograph/internal/iam"
)

// newOperationsCommand is the verb that lists what a server answers.
func newOperationsCommand() *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:   "operations",
		Short: "List every operation of the server, with the permission that it needs",
		Long: `Lists every operation of both listeners with the IAM action that it is authorised
as. The list is made of the declarations that requests are routed by.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return writeOperations(c.OutOrStdout(), app.Operations(), asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func writeOperations(w io.Writer, all []iam.Declared, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(all)
	}
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "LISTENER\tSERVICE\tOPERATION\tREQUEST\tPERMISSION")
	for _, d := range all {
		request := d.Method + " " + d.Path
		if d.Query != "" {
			request += "?" + d.Query
		}
		needs := cmp.Or(d.Action, "none")
		if d.Anonymous {
			needs = cmp.Or(d.Action, "none, not even a signature")
		}
		if len(d.Also) > 0 {
			needs += " (and " + strings.Join(d.Also, ", ") + ")"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", d.Listener, d.Service, d.Operation, request, needs)
	}
	return table.Flush()
}
