package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/app"
	"github.com/heliograph/heliograph/internal/audit"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/rest"
	"github.com/heliograph/heliograph/internal/rest/client"
)

// newAuditCommand is the verb that looks into the audit trail.
func newAuditCommand() *cobra.Command {
	var at controlFlags
	c := &cobra.Command{
		Use:   "audit",
		Short: "Look into the audit trail, and check that nobody changed it",
		Long: `The audit trail has an entry for every call: who, what, on which resource, from
where, allowed or denied, by which statement, and the request's id.

list, tail, export and position ask a running server (--control or
HELIOGRAPH_CONTROL) and sign with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or,
without these, with the root key in --data. verify reads the files in --data
itself, whether or not a server runs.`,
		Args: cobra.NoArgs,
	}
	at.add(c)
	c.AddCommand(newAuditListCommand(&at), newAuditTailCommand(&at), newAuditExportCommand(&at), newAuditPositionCommand(&at), newAuditVerifyCommand(&at))
	return c
}

// auditFlags say which entries are wanted.
type auditFlags struct {
	audit.Query
	from, to string
	asJSON   bool
}

func (f *auditFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.from, "from", "", "not before this time (2026-01-31, 2026-01-31T12:00:00Z) or this long ago (90m, 24h)")
	flags.StringVar(&f.to, "to", "", "before this time, or this long ago")
	flags.StringVar(&f.Principal, "principal", "", "ARN of who acted; * and ? are wildcards here and below")
	flags.StringVar(&f.Key, "key", "", "access key id that signed")
	flags.StringVar(&f.Action, "action", "", "IAM action, such as s3:Get*")
	flags.StringVar(&f.Resource, "resource", "", "ARN of what it was about")
	flags.StringVar(&f.Operation, "operation", "", "operation of the API")
	flags.StringVar(&f.Request, "request", "", "request id")
	flags.StringVar(&f.Source, "source", "", "address that the call came from")
	flags.StringVar(&f.Error, "error", "", "code of the error that was answered")
	flags.StringVar(&f.Decision, "decision", "", "allowed, denied, refused or open")
}

func (f *auditFlags) query() (q audit.Query, err error) {
	q = f.Query
	if q.From, err = moment("--from", f.from, time.Now()); err == nil {
		q.To, err = moment("--to", f.to, time.Now())
	}
	return q, err
}

// moment reads a time, or how long it is ago.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errs.Invalidf("%s is %q; give a time such as 2026-01-31T12:00:00Z, or how long ago, such as 24h", flag, text)
}

func newAuditListCommand(at *controlFlags) *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use:   "list",
		Short: "Show entries, the newest first",
		Example: `  heliograph audit list --decision denied --from 24h
  heliograph audit list --principal '*:user/ann' --action 's3:Put*' --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			q, err := f.query()
			if err != nil {
				return err
			}
			out := newAuditWriter(c.OutOrStdout(), f.asJSON)
			left := q.Limit
			server, err := at.client()
			for left > 0 && err == nil {
				q.Limit = min(left, audit.MaxLimit)
				var page rest.AuditPage
				if page, err = writeAuditPage(c.Context(), server, q, out); page.End {
					break
				}
				left, q.Token = left-len(page.Entries), page.Next
			}
			return cmp.Or(err, out.flush())
		},
	}
	f.add(c)
	c.Flags().IntVarP(&f.Limit, "limit", "n", 100, "entries, at most")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print entries as JSON Lines")
	return c
}

func writeAuditPage(ctx context.Context, server *client.Client, q audit.Query, out *auditWriter) (rest.AuditPage, error) {
	page, err := server.FindAudit(ctx, q)
	for _, line := range page.Entries {
		if err == nil {
			err = out.write(line)
		}
	}
	return page, err
}

func newAuditTailCommand(at *controlFlags) *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use:   "tail",
		Short: "Show entries as they come, until interrupted",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.from == "" {
				f.from = "10s"
			}
			q, err := f.query()
			if err != nil {
				return err
			}
			server, err := at.client()
			if err != nil {
				return err
			}
			q.Oldest, q.Limit = true, audit.MaxLimit
			out := newAuditWriter(c.OutOrStdout(), f.asJSON)
			for {
				page, err := writeAuditPage(c.Context(), server, q, out)
				if c.Context().Err() != nil {
					return nil // the person has seen enough
				}
				if err == nil {
					err = out.flush()
				}
				if err != nil {
					return err
				}
				if q.Token = page.Next; !page.End {
					continue
				}
				select {
				case <-c.Context().Done():
					return nil
				case <-time.After(time.Second):
				}
			}
		},
	}
	f.add(c)
	c.Flags().BoolVar(&f.asJSON, "json", false, "print entries as JSON Lines")
	return c
}

func newAuditExportCommand(at *controlFlags) *cobra.Command {
	var f auditFlags
	out := ""
	c := &cobra.Command{
		Use:   "export",
		Short: "Write entries as JSON Lines, the oldest first",
		Long: `Writes entries as they are in the trail, one to a line, the oldest first. An
export of everything (without flags that choose) can be checked with
"heliograph audit verify --export FILE".`,
		Example: `  heliograph audit export --from 2026-01-01 --to 2026-02-01 --out january.jsonl`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			q, err := f.query()
			if err != nil {
				return err
			}
			if q.To.IsZero() {
				q.To = time.Now() // its own calls would keep it going for ever
			}
			server, err := at.client()
			if err != nil {
				return err
			}
			return writeExport(c, out, func(w io.Writer) error { return exportAudit(c.Context(), server, q, w) })
		},
	}
	f.add(c)
	c.Flags().StringVarP(&out, "out", "o", "", "file to write; standard output if it is not given")
	return c
}

// writeExport writes to a file that is whole or not there, or to standard output.
func writeExport(c *cobra.Command, path string, write func(io.Writer) error) error {
	if path == "" {
		return write(c.OutOrStdout())
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func exportAudit(ctx context.Context, server *client.Client, q audit.Query, w io.Writer) error {
	lines := newAuditWriter(w, true)
	q.Oldest, q.Limit = true, audit.MaxLimit
	for {
		page, err := writeAuditPage(ctx, server, q, lines)
		if err != nil {
			return err
		}
		if page.End {
			return lines.flush()
		}
		q.Token = page.Next
	}
}

func newAuditPositionCommand(at *controlFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "position",
		Short: "Print how far the trail reaches, to keep elsewhere",
		Long: `Prints number and hash of the last entry. Kept where nobody who can write to the
data directory can reach it, it shows later, by "heliograph audit verify
--position", that nothing before it was changed: not even with the signing key.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			server, err := at.client()
			if err != nil {
				return err
			}
			p, err := server.AuditPosition(c.Context())
			if err == nil {
				_, err = fmt.Fprintln(c.OutOrStdout(), p.Position)
			}
			return err
		},
	}
}

func newAuditVerifyCommand(at *controlFlags) *cobra.Command {
	var positions []string
	publicKey, export := "", ""
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check that no entry was changed, added or taken out",
		Long: `Reads the whole trail in --data and checks the hash of every entry, that files
follow each other, and that the trail reaches as far as it was signed. It names
the first line that is not as it was written and why, and ends with 1.

Somebody who can write to the data directory and has the signing key could write
another trail. Against that, give what was noted elsewhere: --position what
"heliograph audit position" printed, --public-key the content of audit/signing.pub.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			opt, err := verifyOptions(positions, publicKey)
			if err != nil {
				return err
			}
			var report *audit.Report
			if export != "" {
				report, err = audit.VerifyExport(export, opt)
			} else {
				report, err = audit.Verify(app.AuditDir(at.data), opt)
			}
			if err != nil {
				return err
			}
			return writeAuditReport(c.OutOrStdout(), report)
		},
	}
	c.Flags().StringArrayVar(&positions, "position", nil, "position that must be in the trail; may be repeated")
	c.Flags().StringVar(&publicKey, "public-key", "", "public key that was noted elsewhere, in base64")
	c.Flags().StringVar(&export, "export", "", "file of \"heliograph audit export\" to check in place of the trail")
	return c
}

func verifyOptions(positions []string, publicKey string) (opt audit.VerifyOptions, err error) {
	for _, text := range positions {
		p, err := audit.ParsePoint(text)
		if err != nil {
			return opt, errs.Invalidf("--position: %v", err)
		}
		opt.Points = append(opt.Points, p)
	}
	if publicKey != "" {
		if opt.Key, err = audit.ParsePublicKey(publicKey); err != nil {
			return opt, errs.Invalidf("--public-key: %v", err)
		}
	}
	return opt, nil
}

func writeAuditReport(w io.Writer, r *audit.Report) error {
	for _, note := range r.Notes {
		fmt.Fprintln(w, "Note: "+note+".")
	}
	if r.Problem != nil {
		fmt.Fprintf(w, "The trail is not as it was written.\n%v.\n", r.Problem)
		return exitCode(1)
	}
	fmt.Fprintf(w, "%d entries (%d to %d) in %d files are as they were written.\n", r.Last.Seq+1-r.First.Seq, r.First.Seq, r.Last.Seq, r.Files)
	if r.Head.Seq > 0 {
		fmt.Fprintf(w, "Signed up to entry %d at %s.\n", r.Head.Seq, r.HeadTime.Format(time.RFC3339))
	}
	_, err := fmt.Fprintf(w, "Position: %v\n", r.Last)
	return err
}

// auditWriter writes entries as lines of JSON, or for people.
type auditWriter struct {
	w      *bufio.Writer
	table  *tabwriter.Writer
	asJSON bool
	any    bool
}

func newAuditWriter(w io.Writer, asJSON bool) *auditWriter {
	b := bufio.NewWriter(w)
	return &auditWriter{w: b, table: tabwriter.NewWriter(b, 0, 0, 2, ' ', 0), asJSON: asJSON}
}

func (a *auditWriter) write(line []byte) error {
	if a.asJSON {
		_, err := a.w.Write(append(line, '\n'))
		return err
	}
	var e audit.Entry
	if err := json.Unmarshal(line, &e); err != nil {
		return fmt.Errorf("an entry of the audit trail can't be read: %w", err)
	}
	if !a.any {
		a.any = true
		fmt.Fprintln(a.table, "TIME\tDECISION\tPRINCIPAL\tACTION\tRESOURCE\tFROM\tBY\tREQUEST")
	}
	_, who, _ := strings.Cut(e.Principal, "::")
	_, who, _ = strings.Cut(who, ":")
	by := e.Policy
	if e.Statement != "" {
		by += " " + e.Statement
	}
	if e.Trail != "" {
		by = e.Detail
	}
	_, err := fmt.Fprintf(a.table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Time.Local().Format("2006-01-02 15:04:05.000"),
		cmp.Or(e.Decision, e.Trail, "failed"), cmp.Or(who, e.Principal, e.Key, "-"), cmp.Or(e.Action, e.Operation, "-"), cmp.Or(e.Resource, "-"),
		cmp.Or(e.Source, "-"), cmp.Or(e.Error, by, "-"), cmp.Or(e.Request, "-"))
	return err
}

func (a *auditWriter) flush() error {
	if err := a.table.Flush(); err != nil {
		return err
	}
	return a.w.Flush()
}
