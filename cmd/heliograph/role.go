package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/awsapi/iamapi"
)

// newRoleCommand is the verb for what services and people assume.
func newRoleCommand() *cobra.Command {
	return newAccessCommand("role", "Create roles, and say who may assume them",
		`Roles are rights that training jobs, endpoints, functions and people assume. A new
role has none: attach a policy with heliograph policy attach POLICY --role NAME.`,
		newRoleCreateCommand, newRoleListCommand, newRoleShowCommand, newRoleTrustCommand, newRoleUpdateCommand, newRoleDeleteCommand)
}

// trustFlags say who may assume a role.
type trustFlags struct {
	file                 string
	services, principals []string
}

func (f *trustFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.file, "trust", "", "file with the trust policy, - for standard input")
	c.Flags().StringArrayVar(&f.services, "service", nil, "service that may assume the role, such as sagemaker.amazonaws.com; may be repeated")
	c.Flags().StringArrayVar(&f.principals, "principal", nil, "ARN of a user or role that may assume the role, or an account; may be repeated")
	c.MarkFlagsOneRequired("trust", "service", "principal")
	c.MarkFlagsMutuallyExclusive("trust", "service")
	c.MarkFlagsMutuallyExclusive("trust", "principal")
}

func (f *trustFlags) document() (string, error) {
	if f.file != "" {
		return readDocument(f.file)
	}
	who := map[string][]string{}
	if len(f.services) > 0 {
		who["Service"] = f.services
	}
	if len(f.principals) > 0 {
		who["AWS"] = f.principals
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{
		map[string]any{"Effect": "Allow", "Principal": who, "Action": "sts:AssumeRole"},
	}})
	return string(text), err
}

func newRoleCreateCommand(a *access) *cobra.Command {
	var trust trustFlags
	var path, description, boundary string
	var longest time.Duration
	var tags []string
	c := &cobra.Command{
		Use: "create NAME", Short: "Create a role", Args: cobra.ExactArgs(1),
		Example: `  heliograph role create trainer --service sagemaker.amazonaws.com
  heliograph role create deployer --principal arn:aws:iam::000000000000:user/ann --max-session 8h
  heliograph role create other --trust trust.json`,
		RunE: a.run(func(c accessCall, args []string) error {
			document, err := trust.document()
			if err != nil {
				return err
			}
			in := parameters("RoleName", args[0], "Path", path, "Description", description, "AssumeRolePolicyDocument", document,
				"MaxSessionDuration", strconv.Itoa(int(longest/time.Second)))
			if err := c.describe(in, tags, boundary); err != nil {
				return err
			}
			var out iamapi.RoleOutput
			if err := c.Call(c.ctx, "CreateRole", in, &out); err != nil {
				return err
			}
			return c.show(out, func(w io.Writer) {
				fmt.Fprintf(w, "%s is created. Give it rights with: heliograph policy attach POLICY --role %s\n", out.Role.Arn, out.Role.RoleName)
			})
		}),
	}
	trust.add(c)
	c.Flags().StringVar(&path, "path", "", "path in the ARN, such as /ml/ (default /)")
	c.Flags().StringVar(&description, "description", "", "what the role is for")
	c.Flags().StringVar(&boundary, "boundary", "", "managed policy (name or ARN) that bounds the role's rights")
	c.Flags().DurationVar(&longest, "max-session", time.Hour, "longest session, 1h to 12h")
	c.Flags().StringArrayVar(&tags, "tag", nil, "tag as KEY=VALUE; may be repeated")
	return c
}

func newRoleListCommand(a *access) *cobra.Command {
	var path string
	c := &cobra.Command{
		Use: "list", Short: "List roles", Args: cobra.NoArgs,
		RunE: a.run(func(c accessCall, _ []string) error {
			roles, err := list(c, "ListRoles", parameters("PathPrefix", path), func(o *iamapi.RoleListOutput) ([]iamapi.Role, iamapi.Truncation) {
				return o.Roles.Items, o.Truncation
			})
			if err != nil {
				return err
			}
			return c.show(iamapi.RoleListOutput{Roles: iamapi.List[iamapi.Role]{Items: roles}}, func(w io.Writer) {
				fmt.Fprintln(w, "NAME\tMAX SESSION\tARN\tDESCRIPTION")
				for _, r := range roles {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.RoleName, time.Duration(r.MaxSessionDuration)*time.Second, r.Arn, r.Description)
				}
			})
		}),
	}
	c.Flags().StringVar(&path, "path", "", "only roles whose path begins with this")
	return c
}

func newRoleShowCommand(a *access) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a role with its trust policy and policies", Args: cobra.ExactArgs(1),
		RunE: a.run(func(c accessCall, args []string) error {
			var out iamapi.RoleOutput
			if err := c.call(&out, "GetRole", "RoleName", args[0]); err != nil {
				return err
			}
			policies, err := c.policiesOf("Role", args[0])
			if err != nil {
				return err
			}
			details := struct {
				Role     iamapi.Role
				Policies []string
			}{out.Role, policies}
			return c.show(details, func(w io.Writer) {
				r := out.Role
				fmt.Fprintf(w, "Name\t%s\nARN\t%s\nID\t%s\nCreated\t%s\nMax session\t%s\n", r.RoleName, r.Arn, r.RoleID, r.CreateDate, time.Duration(r.MaxSessionDuration)*time.Second)
				if r.Description != "" {
					fmt.Fprintf(w, "Description\t%s\n", r.Description)
				}
				writeBoundary(w, r.PermissionsBoundary)
				writeTags(w, r.Tags)
				fmt.Fprintf(w, "Policies\t%s\nTrust policy\t%s\n", or(strings.Join(policies, "\n\t"), "none"), strings.ReplaceAll(strings.TrimSpace(r.AssumeRolePolicyDocument.Text()), "\n", "\n\t"))
			})
		}),
	}
}

func newRoleTrustCommand(a *access) *cobra.Command {
	var trust trustFlags
	c := &cobra.Command{
		Use: "trust NAME", Short: "Say anew who may assume a role", Args: cobra.ExactArgs(1),
		RunE: a.run(func(c accessCall, args []string) error {
			document, err := trust.document()
			if err != nil {
				return err
			}
			if err := c.call(nil, "UpdateAssumeRolePolicy", "RoleName", args[0], "PolicyDocument", document); err != nil {
				return err
			}
			return c.say("Role %s has a new trust policy.", args[0])
		}),
	}
	trust.add(c)
	return c
}

func newRoleUpdateCommand(a *access) *cobra.Command {
	var description string
	var longest time.Duration
	c := &cobra.Command{Use: "update NAME", Short: "Change a role's description or longest session", Args: cobra.ExactArgs(1)}
	c.Flags().StringVar(&description, "description", "", "what the role is for")
	c.Flags().DurationVar(&longest, "max-session", time.Hour, "longest session, 1h to 12h")
	c.MarkFlagsOneRequired("description", "max-session")
	flags := c.Flags()
	c.RunE = a.run(func(c accessCall, args []string) error {
		in := parameters("RoleName", args[0])
		if flags.Changed("description") {
			in.Set("Description", description)
		}
		if flags.Changed("max-session") {
			in.Set("MaxSessionDuration", strconv.Itoa(int(longest/time.Second)))
		}
		if err := c.Call(c.ctx, "UpdateRole", in, nil); err != nil {
			return err
		}
		return c.say("Role %s is changed.", args[0])
	})
	return c
}

func newRoleDeleteCommand(a *access) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "delete NAME", Short: "Delete a role and end its sessions", Args: cobra.ExactArgs(1),
		Long: "Delete a role. Its policies must be gone; --force removes them first. What runs as the role fails at its next access.",
		RunE: a.run(func(c accessCall, args []string) error {
			if !force {
				return c.remove("Role", args[0], nil)
			}
			return c.remove("Role", args[0], func() error {
				policies, err := c.policiesOf("Role", args[0])
				if err != nil {
					return err
				}
				return c.stripPolicies("Role", args[0], policies)
			})
		}),
	}
	c.Flags().BoolVar(&force, "force", false, "remove the role's policies first")
	return c
}
