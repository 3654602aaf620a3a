package dataset

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
)

// WriteText writes the report for people: counts, the labels (the first 50 of many)
// and the findings, worst first.
func (r *Report) WriteText(w io.Writer) error {
	const most = 50
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "rows\tlabelled\twith several\tdistinct texts\twords\t")
	for _, part := range []*Part{&r.Train, r.Validation} {
		if part != nil {
			fmt.Fprintf(table, "%d\t%d\t%d\t%d\t%d\t  %s\n", part.Rows, part.Labelled, part.Several, part.Distinct, part.Words, cmp.Or(part.Name, "rows"))
		}
	}
	table.Flush()
	fmt.Fprintf(&b, "\n%s\n", counted(len(r.Labels), "label", "labels"))
	if len(r.Labels) > 0 {
		table = tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
		for i, count := range r.Labels {
			if i == most {
				break
			}
			fmt.Fprintf(table, "%d\t%.1f%%\t", count.Train, percent(count.Train, r.Train.Rows))
			if r.Validation != nil {
				fmt.Fprintf(table, "%d\t%.1f%%\t", count.Validation, percent(count.Validation, r.Validation.Rows))
			}
			fmt.Fprintf(table, "  %s\n", printable(count.Label))
		}
		table.Flush()
		if len(r.Labels) > most {
			fmt.Fprintf(&b, "  and %d more\n", len(r.Labels)-most)
		}
	}
	if len(r.Findings) == 0 {
		b.WriteString("\nnothing to complain about\n")
	} else {
		b.WriteString("\n")
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%-8s %s: %s", f.Severity, f.Part, printable(f.Message))
		before := "; line "
		if len(f.Lines) > 1 {
			before = "; lines "
		}
		for _, line := range f.Lines {
			fmt.Fprintf(&b, "%s%d", before, line)
			before = ", "
		}
		if len(f.Lines) > 0 && f.Count > len(f.Lines) {
			b.WriteString(", …")
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func percent(n, of int) float64 {
	return 100 * float64(n) / float64(max(of, 1))
}

// printable keeps a file's control characters away from the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
