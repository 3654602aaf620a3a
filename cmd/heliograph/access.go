package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/awsapi/iamapi"
	"github.com/heliograph/heliograph/internal/awsapi/iamapi/client"
	"github.com/heliograph/heliograph/internal/errs"
)

// access is what the verbs for users, keys, groups, roles and policies share.
type access struct {
	at   controlFlags
	json bool
}

const accessHelp = `

The server is found through --control or HELIOGRAPH_CONTROL. Requests are signed
with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or, without these, with the root
key in the server's data directory (--data or HELIOGRAPH_DATA).`

// newAccessCommand is a verb with its subcommands.
func newAccessCommand(use, short, long string, subcommands ...func(*access) *cobra.Command) *cobra.Command {
	var a access
	c := &cobra.Command{Use: use, Short: short, Long: long + accessHelp, Args: cobra.NoArgs}
	a.at.add(c)
	c.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON, as the aws command does")
	for _, sub := range subcommands {
		c.AddCommand(sub(&a))
	}
	return c
}

// accessCall is one run of a subcommand.
type accessCall struct {
	*client.Client
	ctx  context.Context
	out  io.Writer
	json bool
}

// run makes the RunE of a subcommand.
func (a *access) run(fn func(c accessCall, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		key, token, err := a.at.key()
		if err != nil {
			return err
		}
		web, err := a.at.http()
		if err != nil {
			return err
		}
		server, err := client.New(client.Config{URL: a.at.url, Region: a.at.region, AccessKeyID: key.ID, SecretAccessKey: key.Secret, SessionToken: token, HTTP: web})
		if err != nil {
			return err
		}
		return fn(accessCall{server, cmd.Context(), cmd.OutOrStdout(), a.json}, args)
	}
}

// call performs an operation; pairs are names and values of its parameters.
func (c accessCall) call(out any, operation string, pairs ...string) error {
	return c.Call(c.ctx, operation, parameters(pairs...), out)
}

func parameters(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

// show prints a value as JSON, if that is asked for, or else what text says.
func (c accessCall) show(value any, text func(w io.Writer)) error {
	if c.json {
		e := json.NewEncoder(c.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "    ")
		return e.Encode(value)
	}
	table := tabwriter.NewWriter(c.out, 0, 0, 3, ' ', 0)
	text(table)
	return table.Flush()
}

// say prints a sentence, unless JSON is asked for.
func (c accessCall) say(format string, args ...any) error {
	if c.json {
		return nil
	}
	_, err := fmt.Fprintf(c.out, format+"\n", args...)
	return err
}

// list gathers all pages of a list.
func list[Out, Item any](c accessCall, operation string, in url.Values, items func(*Out) ([]Item, iamapi.Truncation)) ([]Item, error) {
	var all []Item
	err := client.Pages(c.ctx, c.Client, operation, in, func(out *Out) iamapi.Truncation {
		page, t := items(out)
		all = append(all, page...)
		return t
	})
	return all, err
}

// remove deletes an entity. If that fails for what the entity still has, and
// strip is not nil, strip takes that away first.
func (c accessCall) remove(kind, name string, strip func() error) error {
	err := c.call(nil, "Delete"+kind, kind+"Name", name)
	if errs.CodeOf(err) == "DeleteConflict" && strip != nil {
		if err = strip(); err == nil {
			err = c.call(nil, "Delete"+kind, kind+"Name", name)
		}
	}
	if err != nil {
		return err
	}
	return c.say("%s %s is deleted.", kind, name)
}

// entityFlags name a user, a group or a role, one of them.
type entityFlags struct{ user, group, role string }

func (f *entityFlags) add(c *cobra.Command, groups bool) {
	c.Flags().StringVar(&f.user, "user", "", "name of a user")
	c.Flags().StringVar(&f.role, "role", "", "name of a role")
	if groups {
		c.Flags().StringVar(&f.group, "group", "", "name of a group")
		c.MarkFlagsOneRequired("user", "group", "role")
		c.MarkFlagsMutuallyExclusive("user", "group", "role")
		return
	}
	c.MarkFlagsOneRequired("user", "role")
	c.MarkFlagsMutuallyExclusive("user", "role")
}

// kind is User, Group or Role, as operations and parameters name it, and name
// the entity's.
func (f *entityFlags) kind() (kind, name string) {
	switch {
	case f.group != "":
		return "Group", f.group
	case f.role != "":
		return "Role", f.role
	}
	return "User", f.user
}

func (f *entityFlags) String() string {
	kind, name := f.kind()
	return strings.ToLower(kind) + " " + name
}

// readDocument reads a policy from a file, "-" for the standard input.
func readDocument(name string) (string, error) {
	var text []byte
	var err error
	if name == "-" {
		text, err = io.ReadAll(io.LimitReader(os.Stdin, 1<<20))
	} else {
		text, err = os.ReadFile(name)
	}
	if err == nil && len(strings.TrimSpace(string(text))) == 0 {
		err = errs.Invalidf("%s is empty; it should hold a policy", name)
	}
	return string(text), err
}

// tagPairs are the parameters of tags written as KEY=VALUE.
func tagPairs(in url.Values, tags []string) error {
	for i, tag := range tags {
		key, value, ok := strings.Cut(tag, "=")
		if !ok {
			return errs.Invalidf("the tag %q is not of the form KEY=VALUE", tag)
		}
		in.Set(fmt.Sprintf("Tags.member.%d.Key", i+1), key)
		in[fmt.Sprintf("Tags.member.%d.Value", i+1)] = []string{value}
	}
	return nil
}

// describe adds what users and roles are created with alike: tags, and a boundary by name or ARN, "" for none.
func (c accessCall) describe(in url.Values, tags []string, boundary string) error {
	if err := tagPairs(in, tags); err != nil || boundary == "" {
		return err
	}
	arn, err := c.policyARN(boundary)
	in.Set("PermissionsBoundary", arn)
	return err
}

// or is text, or instead if there is none.
func or(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}
