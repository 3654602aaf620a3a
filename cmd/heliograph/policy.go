package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/awsapi/iamapi"
	"github.com/heliograph/heliograph/internal/errs"
)

// newPolicyCommand is the verb for what users, groups and roles may do.
func newPolicyCommand() *cobra.Command {
	return newAccessCommand("policy", "Create policies, attach them, and ask what they decide",
		`Policies say what users, groups and roles may do, in AWS's policy language. A
managed policy has a name and any number of users; heliograph policy put writes one
into a single user, group or role. Where a POLICY is asked for, its name or its ARN
will do.`,
		newPolicyCreateCommand, newPolicyListCommand, newPolicyShowCommand, newPolicyUpdateCommand, newPolicyDeleteCommand,
		func(a *access) *cobra.Command {
			return newAttachCommand(a, "attach", "Attach a managed policy to a user, group or role", "Attach", "now has")
		},
		func(a *access) *cobra.Command {
			return newAttachCommand(a, "detach", "Detach a managed policy from a user, group or role", "Detach", "no longer has")
		},
		newPolicyPutCommand, newPolicyRemoveCommand, newPolicyBoundaryCommand, newPolicySimulateCommand,
		newPolicyTestCommand, newPolicyLintCommand, newPolicyGenerateCommand)
}

// policyARN returns the ARN of a policy given by name or ARN. Of two policies of
// one name the account's own is meant, not the ready-made one.
func (c accessCall) policyARN(name string) (string, error) {
	if strings.HasPrefix(name, "arn:") {
		return name, nil
	}
	policies, err := c.policies("All", false)
	if err != nil {
		return "", err
	}
	found := ""
	for _, p := range policies {
		if p.PolicyName == name && (found == "" || strings.HasPrefix(found, "arn:aws:iam::aws:")) {
			found = p.Arn
		}
	}
	if found == "" {
		return "", errs.New(errs.NotFound, "NoSuchEntity", "there is no policy %s; see heliograph policy list", name)
	}
	return found, nil
}

func (c accessCall) policies(scope string, attached bool) ([]iamapi.Policy, error) {
	in := parameters("Scope", scope)
	if attached {
		in.Set("OnlyAttached", "true")
	}
	return list(c, "ListPolicies", in, func(o *iamapi.PolicyListOutput) ([]iamapi.Policy, iamapi.Truncation) {
		return o.Policies.Items, o.Truncation
	})
}

func newPolicyCreateCommand(a *access) *cobra.Command {
	var path, description string
	var tags []string
	c := &cobra.Command{
		Use: "create NAME FILE", Short: "Create a managed policy from a file, - for standard input", Args: cobra.ExactArgs(2),
		RunE: a.run(func(c accessCall, args []string) error {
			document, err := readDocument(args[1])
			if err != nil {
				return err
			}
			in := parameters("PolicyName", args[0], "PolicyDocument", document, "Path", path, "Description", description)
			if err := tagPairs(in, tags); err != nil {
				return err
			}
			var out iamapi.PolicyOutput
			if err := c.Call(c.ctx, "CreatePolicy", in, &out); err != nil {
				return err
			}
			return c.show(out, func(w io.Writer) { fmt.Fprintf(w, "%s is created.\n", out.Policy.Arn) })
		}),
	}
	c.Flags().StringVar(&path, "path", "", "path in the ARN, such as /data/ (default /)")
	c.Flags().StringVar(&description, "description", "", "what the policy allows")
	c.Flags().StringArrayVar(&tags, "tag", nil, "tag as KEY=VALUE; may be repeated")
	return c
}

func newPolicyListCommand(a *access) *cobra.Command {
	var own, attached bool
	c := &cobra.Command{
		Use: "list", Short: "List managed policies, the account's own and the ready-made ones", Args: cobra.NoArgs,
		RunE: a.run(func(c accessCall, _ []string) error {
			scope := "All"
			if own {
				scope = "Local"
			}
			policies, err := c.policies(scope, attached)
			if err != nil {
				return err
			}
			return c.show(iamapi.PolicyListOutput{Policies: iamapi.List[iamapi.Policy]{Items: policies}}, func(w io.Writer) {
				fmt.Fprintln(w, "NAME\tVERSION\tUSES\tARN\tDESCRIPTION")
				for _, p := range policies {
					fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", p.PolicyName, p.DefaultVersionID, p.AttachmentCount+p.PermissionsBoundaryUsageCount, p.Arn, p.Description)
				}
			})
		}),
	}
	c.Flags().BoolVar(&own, "own", false, "only the account's own")
	c.Flags().BoolVar(&attached, "attached", false, "only those that something uses")
	return c
}

func newPolicyShowCommand(a *access) *cobra.Command {
	var version string
	var which entityFlags
	c := &cobra.Command{
		Use: "show POLICY", Short: "Print the text of a policy, also of one in a user, group or role", Args: cobra.ExactArgs(1),
		Example: "  heliograph policy show AmazonS3ReadOnlyAccess\n  heliograph policy show mine --version v2\n  heliograph policy show inline-name --user ann",
	}
	c.Flags().StringVar(&version, "version", "", "version to print (default the one in force)")
	c.Flags().StringVar(&which.user, "user", "", "user that the policy is in")
	c.Flags().StringVar(&which.group, "group", "", "group that the policy is in")
	c.Flags().StringVar(&which.role, "role", "", "role that the policy is in")
	c.MarkFlagsMutuallyExclusive("version", "user", "group", "role")
	c.RunE = a.run(func(c accessCall, args []string) error {
		if kind, name := which.kind(); name != "" {
			var out iamapi.InlinePolicyOutput
			if err := c.call(&out, "Get"+kind+"Policy", kind+"Name", name, "PolicyName", args[0]); err != nil {
				return err
			}
			return c.show(out, func(w io.Writer) { fmt.Fprintln(w, out.PolicyDocument.Text()) })
		}
		arn, err := c.policyARN(args[0])
		if err != nil {
			return err
		}
		if version == "" {
			var p iamapi.PolicyOutput
			if err := c.call(&p, "GetPolicy", "PolicyArn", arn); err != nil {
				return err
			}
			version = p.Policy.DefaultVersionID
		}
		var out iamapi.PolicyVersionOutput
		if err := c.call(&out, "GetPolicyVersion", "PolicyArn", arn, "VersionId", version); err != nil {
			return err
		}
		return c.show(out, func(w io.Writer) { fmt.Fprintln(w, out.PolicyVersion.Document.Text()) })
	})
	return c
}

func (c accessCall) versions(arn string) ([]iamapi.PolicyVersion, error) {
	return list(c, "ListPolicyVersions", parameters("PolicyArn", arn), func(o *iamapi.PolicyVersionListOutput) ([]iamapi.PolicyVersion, iamapi.Truncation) {
		return o.Versions.Items, o.Truncation
	})
}

func newPolicyUpdateCommand(a *access) *cobra.Command {
	return &cobra.Command{
		Use: "update POLICY FILE", Short: "Give a managed policy a new text, in force at once", Args: cobra.ExactArgs(2),
		Long: `Give a managed policy a new text, in force at once. Up to five versions are kept;
the oldest one makes room.`,
		RunE: a.run(func(c accessCall, args []string) error {
			document, err := readDocument(args[1])
			if err != nil {
				return err
			}
			arn, err := c.policyARN(args[0])
			if err != nil {
				return err
			}
			versions, err := c.versions(arn)
			if err != nil {
				return err
			}
			slices.SortFunc(versions, func(a, b iamapi.PolicyVersion) int {
				return cmp.Or(cmp.Compare(len(a.VersionID), len(b.VersionID)), cmp.Compare(a.VersionID, b.VersionID))
			})
			if i := slices.IndexFunc(versions, func(v iamapi.PolicyVersion) bool { return !v.IsDefaultVersion }); len(versions) >= 5 && i >= 0 {
				if err := c.call(nil, "DeletePolicyVersion", "PolicyArn", arn, "VersionId", versions[i].VersionID); err != nil {
					return err
				}
			}
			var out iamapi.PolicyVersionOutput
			if err := c.call(&out, "CreatePolicyVersion", "PolicyArn", arn, "PolicyDocument", document, "SetAsDefault", "true"); err != nil {
				return err
			}
			return c.show(out, func(w io.Writer) { fmt.Fprintf(w, "%s is at version %s.\n", arn, out.PolicyVersion.VersionID) })
		}),
	}
}

func newPolicyDeleteCommand(a *access) *cobra.Command {
	return &cobra.Command{
		Use: "delete POLICY", Short: "Delete a managed policy that nothing uses, with all versions", Args: cobra.ExactArgs(1),
		RunE: a.run(func(c accessCall, args []string) error {
			arn, err := c.policyARN(args[0])
			if err != nil {
				return err
			}
			versions, err := c.versions(arn)
			if err != nil {
				return err
			}
			var p iamapi.PolicyOutput
			if err := c.call(&p, "GetPolicy", "PolicyArn", arn); err != nil {
				return err
			}
			if n := p.Policy.AttachmentCount + p.Policy.PermissionsBoundaryUsageCount; n > 0 {
				return errs.New(errs.Conflict, "DeleteConflict", "%s has %d uses; detach it first", arn, n)
			}
			for _, v := range versions {
				if v.IsDefaultVersion {
					continue
				}
				if err := c.call(nil, "DeletePolicyVersion", "PolicyArn", arn, "VersionId", v.VersionID); err != nil {
					return err
				}
			}
			if err := c.call(nil, "DeletePolicy", "PolicyArn", arn); err != nil {
				return err
			}
			return c.say("%s is deleted.", arn)
		}),
	}
}

func newAttachCommand(a *access, verb, short, operation, word string) *cobra.Command {
	var to entityFlags
	c := &cobra.Command{
		Use: verb + " POLICY", Short: short, Args: cobra.ExactArgs(1),
		Example: "  heliograph policy " + verb + " AmazonS3ReadOnlyAccess --user ann",
		RunE: a.run(func(c accessCall, args []string) error {
			arn, err := c.policyARN(args[0])
			if err != nil {
				return err
			}
			kind, name := to.kind()
			if err := c.call(nil, operation+kind+"Policy", kind+"Name", name, "PolicyArn", arn); err != nil {
				return err
			}
			return c.say("The %s %s %s.", to.String(), word, arn)
		}),
	}
	to.add(c, true)
	return c
}

func newPolicyPutCommand(a *access) *cobra.Command {
	var to entityFlags
	c := &cobra.Command{
		Use: "put NAME FILE", Short: "Write a policy into a user, group or role", Args: cobra.ExactArgs(2),
		RunE: a.run(func(c accessCall, args []string) error {
			document, err := readDocument(args[1])
			if err != nil {
				return err
			}
			kind, name := to.kind()
			if err := c.call(nil, "Put"+kind+"Policy", kind+"Name", name, "PolicyName", args[0], "PolicyDocument", document); err != nil {
				return err
			}
			return c.say("The %s has the policy %s.", to.String(), args[0])
		}),
	}
	to.add(c, true)
	return c
}

func newPolicyRemoveCommand(a *access) *cobra.Command {
	var from entityFlags
	c := &cobra.Command{
		Use: "remove NAME", Short: "Take a policy out of a user, group or role", Args: cobra.ExactArgs(1),
		RunE: a.run(func(c accessCall, args []string) error {
			kind, name := from.kind()
			if err := c.call(nil, "Delete"+kind+"Policy", kind+"Name", name, "PolicyName", args[0]); err != nil {
				return err
			}
			return c.say("The %s no longer has the policy %s.", from.String(), args[0])
		}),
	}
	from.add(c, true)
	return c
}

func newPolicyBoundaryCommand(a *access) *cobra.Command {
	var of entityFlags
	c := &cobra.Command{
		Use: "boundary POLICY|none", Short: "Bound the rights of a user or role, or stop to", Args: cobra.ExactArgs(1),
		RunE: a.run(func(c accessCall, args []string) error {
			kind, name := of.kind()
			if args[0] == "none" {
				if err := c.call(nil, "Delete"+kind+"PermissionsBoundary", kind+"Name", name); err != nil {
					return err
				}
				return c.say("The %s has no permissions boundary.", of.String())
			}
			arn, err := c.policyARN(args[0])
			if err != nil {
				return err
			}
			if err := c.call(nil, "Put"+kind+"PermissionsBoundary", kind+"Name", name, "PermissionsBoundary", arn); err != nil {
				return err
			}
			return c.say("The %s may do no more than %s allows.", of.String(), arn)
		}),
	}
	of.add(c, false)
	return c
}
