package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/awsapi/iamapi"
)

// newUserCommand is the verb for people and programs with keys of their own.
func newUserCommand() *cobra.Command {
	return newAccessCommand("user", "Create, show and delete users",
		`Users are people and programs with access keys of their own. A new user may do
nothing: attach a policy (heliograph policy attach) or add them to a group.`,
		newUserCreateCommand, newUserListCommand, newUserShowCommand, newUserUpdateCommand, newUserDeleteCommand)
}

func newUserCreateCommand(a *access) *cobra.Command {
	var path, boundary string
	var tags []string
	c := &cobra.Command{
		Use: "create NAME", Short: "Create a user", Args: cobra.ExactArgs(1),
		Example: "  heliograph user create ann\n  heliograph user create ann --path /team/ --tag team=support --boundary AmazonS3ReadOnlyAccess",
		RunE: a.run(func(c accessCall, args []string) error {
			in := parameters("UserName", args[0], "Path", path)
			if err := c.describe(in, tags, boundary); err != nil {
				return err
			}
			var out iamapi.UserOutput
			if err := c.Call(c.ctx, "CreateUser", in, &out); err != nil {
				return err
			}
			return c.show(out, func(w io.Writer) {
				fmt.Fprintf(w, "%s is created. Give it a key with: heliograph key create --user %s\n", out.User.Arn, out.User.UserName)
			})
		}),
	}
	c.Flags().StringVar(&path, "path", "", "path in the ARN, such as /team/ (default /)")
	c.Flags().StringVar(&boundary, "boundary", "", "managed policy (name or ARN) that bounds the user's rights")
	c.Flags().StringArrayVar(&tags, "tag", nil, "tag as KEY=VALUE; may be repeated")
	return c
}

func newUserListCommand(a *access) *cobra.Command {
	var path string
	c := &cobra.Command{
		Use: "list", Short: "List users", Args: cobra.NoArgs,
		RunE: a.run(func(c accessCall, _ []string) error {
			users, err := list(c, "ListUsers", parameters("PathPrefix", path), func(o *iamapi.UserListOutput) ([]iamapi.User, iamapi.Truncation) {
				return o.Users.Items, o.Truncation
			})
			if err != nil {
				return err
			}
			return c.show(iamapi.UserListOutput{Users: iamapi.List[iamapi.User]{Items: users}}, func(w io.Writer) {
				if len(users) == 0 {
					fmt.Fprintln(w, "There are no users. Make one with: heliograph user create NAME")
					return
				}
				fmt.Fprintln(w, "NAME\tID\tCREATED\tARN")
				for _, u := range users {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", u.UserName, u.UserID, u.CreateDate, u.Arn)
				}
			})
		}),
	}
	c.Flags().StringVar(&path, "path", "", "only users whose path begins with this")
	return c
}

// userDetails is a user with everything that belongs to it.
type userDetails struct {
	User     iamapi.User
	Groups   []string
	Policies []string // ARNs of managed ones, names of inline ones
	Keys     []iamapi.AccessKey
}

func (c accessCall) user(name string) (d userDetails, err error) {
	var out iamapi.UserOutput
	if err := c.call(&out, "GetUser", "UserName", name); err != nil {
		return d, err
	}
	d.User = out.User
	name = out.User.UserName
	groups, err := list(c, "ListGroupsForUser", parameters("UserName", name), func(o *iamapi.GroupListOutput) ([]iamapi.Group, iamapi.Truncation) {
		return o.Groups.Items, o.Truncation
	})
	if err != nil {
		return d, err
	}
	for _, g := range groups {
		d.Groups = append(d.Groups, g.GroupName)
	}
	if d.Policies, err = c.policiesOf("User", name); err != nil {
		return d, err
	}
	d.Keys, err = c.keys(name)
	return d, err
}

// policiesOf returns what an entity has: ARNs of managed policies, and names of
// inline ones after "inline:".
func (c accessCall) policiesOf(kind, name string) ([]string, error) {
	attached, err := list(c, "ListAttached"+kind+"Policies", parameters(kind+"Name", name), func(o *iamapi.AttachedListOutput) ([]iamapi.AttachedPolicy, iamapi.Truncation) {
		return o.AttachedPolicies.Items, o.Truncation
	})
	if err != nil {
		return nil, err
	}
	inline, err := list(c, "List"+kind+"Policies", parameters(kind+"Name", name), func(o *iamapi.InlinePolicyListOutput) ([]string, iamapi.Truncation) {
		return o.PolicyNames.Items, o.Truncation
	})
	var all []string
	for _, p := range attached {
		all = append(all, p.PolicyArn)
	}
	for _, p := range inline {
		all = append(all, "inline:"+p)
	}
	return all, err
}

func newUserShowCommand(a *access) *cobra.Command {
	return &cobra.Command{
		Use: "show [NAME]", Short: "Show a user with groups, policies and keys; without a name the caller", Args: cobra.MaximumNArgs(1),
		RunE: a.run(func(c accessCall, args []string) error {
			d, err := c.user(strings.Join(args, ""))
			if err != nil {
				return err
			}
			return c.show(d, func(w io.Writer) {
				fmt.Fprintf(w, "Name\t%s\nARN\t%s\nID\t%s\nCreated\t%s\n", d.User.UserName, d.User.Arn, d.User.UserID, d.User.CreateDate)
				writeBoundary(w, d.User.PermissionsBoundary)
				writeTags(w, d.User.Tags)
				fmt.Fprintf(w, "Groups\t%s\nPolicies\t%s\n", or(strings.Join(d.Groups, ", "), "none"), or(strings.Join(d.Policies, "\n\t"), "none"))
				for i, k := range d.Keys {
					fmt.Fprintf(w, "%s\t%s (%s, since %s)\n", map[bool]string{true: "Keys"}[i == 0], k.AccessKeyID, strings.ToLower(k.Status), k.CreateDate)
				}
			})
		}),
	}
}

func writeBoundary(w io.Writer, b *iamapi.Boundary) {
	if b != nil {
		fmt.Fprintf(w, "Boundary\t%s\n", b.PermissionsBoundaryArn)
	}
}

func writeTags(w io.Writer, tags *iamapi.List[iamapi.Tag]) {
	if tags == nil {
		return
	}
	var all []string
	for _, t := range tags.Items {
		all = append(all, t.Key+"="+t.Value)
	}
	fmt.Fprintf(w, "Tags\t%s\n", strings.Join(all, ", "))
}

func newUserUpdateCommand(a *access) *cobra.Command {
	var name, path string
	c := &cobra.Command{
		Use: "update NAME", Short: "Rename a user, or change its path", Args: cobra.ExactArgs(1),
		RunE: a.run(func(c accessCall, args []string) error {
			if err := c.call(nil, "UpdateUser", "UserName", args[0], "NewUserName", name, "NewPath", path); err != nil {
				return err
			}
			return c.say("User %s is changed. Policies that name its ARN don't follow.", args[0])
		}),
	}
	c.Flags().StringVar(&name, "name", "", "new name")
	c.Flags().StringVar(&path, "path", "", "new path")
	c.MarkFlagsOneRequired("name", "path")
	return c
}

func newUserDeleteCommand(a *access) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "delete NAME", Short: "Delete a user", Args: cobra.ExactArgs(1),
		Long: "Delete a user. Its keys, policies and memberships must be gone; --force removes them first.",
		RunE: a.run(func(c accessCall, args []string) error {
			if !force {
				return c.remove("User", args[0], nil)
			}
			return c.remove("User", args[0], func() error { return c.stripUser(args[0]) })
		}),
	}
	c.Flags().BoolVar(&force, "force", false, "remove the user's keys, policies and memberships first")
	return c
}

// stripUser removes what keeps a user from being deleted; the keys go first, so that
// a user who is half removed can't sign any more.
func (c accessCall) stripUser(name string) error {
	d, err := c.user(name)
	if err != nil {
		return err
	}
	for _, k := range d.Keys {
		if err := c.call(nil, "DeleteAccessKey", "UserName", name, "AccessKeyId", k.AccessKeyID); err != nil {
			return err
		}
	}
	for _, g := range d.Groups {
		if err := c.call(nil, "RemoveUserFromGroup", "UserName", name, "GroupName", g); err != nil {
			return err
		}
	}
	return c.stripPolicies("User", name, d.Policies)
}

func (c accessCall) stripPolicies(kind, name string, policies []string) error {
	for _, p := range policies {
		var err error
		if inline, ok := strings.CutPrefix(p, "inline:"); ok {
			err = c.call(nil, "Delete"+kind+"Policy", kind+"Name", name, "PolicyName", inline)
		} else {
			err = c.call(nil, "Detach"+kind+"Policy", kind+"Name", name, "PolicyArn", p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
