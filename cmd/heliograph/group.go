package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/awsapi/iamapi"
)

// newGroupCommand is the verb for users who share policies.
func newGroupCommand() *cobra.Command {
	return newAccessCommand("group", "Create groups, and say who is in them",
		"Groups are users who share policies: attach a policy to a group with\nheliograph policy attach POLICY --group NAME.",
		newGroupCreateCommand, newGroupListCommand, newGroupShowCommand,
		func(a *access) *cobra.Command {
			return newMembershipCommand(a, "add", "Add users to a group", "AddUserToGroup", "in")
		},
		func(a *access) *cobra.Command {
			return newMembershipCommand(a, "remove", "Remove users from a group", "RemoveUserFromGroup", "no longer in")
		},
		newGroupDeleteCommand)
}

func newGroupCreateCommand(a *access) *cobra.Command {
	var path string
	c := &cobra.Command{
		Use: "create NAME", Short: "Create a group", Args: cobra.ExactArgs(1),
		RunE: a.run(func(c accessCall, args []string) error {
			var out iamapi.GroupOutput
			if err := c.call(&out, "CreateGroup", "GroupName", args[0], "Path", path); err != nil {
				return err
			}
			return c.show(out, func(w io.Writer) { fmt.Fprintf(w, "%s is created.\n", out.Group.Arn) })
		}),
	}
	c.Flags().StringVar(&path, "path", "", "path in the ARN, such as /team/ (default /)")
	return c
}

func newGroupListCommand(a *access) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List groups", Args: cobra.NoArgs,
		RunE: a.run(func(c accessCall, _ []string) error {
			groups, err := list(c, "ListGroups", nil, func(o *iamapi.GroupListOutput) ([]iamapi.Group, iamapi.Truncation) {
				return o.Groups.Items, o.Truncation
			})
			if err != nil {
				return err
			}
			return c.show(iamapi.GroupListOutput{Groups: iamapi.List[iamapi.Group]{Items: groups}}, func(w io.Writer) {
				if len(groups) == 0 {
					fmt.Fprintln(w, "There are no groups. Make one with: heliograph group create NAME")
					return
				}
				fmt.Fprintln(w, "NAME\tID\tCREATED\tARN")
				for _, g := range groups {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", g.GroupName, g.GroupID, g.CreateDate, g.Arn)
				}
			})
		}),
	}
}

// groupDetails is a group with everything that belongs to it.
type groupDetails struct {
	Group    iamapi.Group
	Users    []string
	Policies []string
}

func (c accessCall) group(name string) (d groupDetails, err error) {
	users, err := list(c, "GetGroup", parameters("GroupName", name), func(o *iamapi.GroupUsersOutput) ([]iamapi.User, iamapi.Truncation) {
		d.Group = o.Group
		return o.Users.Items, o.Truncation
	})
	if err != nil {
		return d, err
	}
	for _, u := range users {
		d.Users = append(d.Users, u.UserName)
	}
	d.Policies, err = c.policiesOf("Group", name)
	return d, err
}

func newGroupShowCommand(a *access) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a group with its users and policies", Args: cobra.ExactArgs(1),
		RunE: a.run(func(c accessCall, args []string) error {
			d, err := c.group(args[0])
			if err != nil {
				return err
			}
			return c.show(d, func(w io.Writer) {
				fmt.Fprintf(w, "Name\t%s\nARN\t%s\nID\t%s\nCreated\t%s\n", d.Group.GroupName, d.Group.Arn, d.Group.GroupID, d.Group.CreateDate)
				fmt.Fprintf(w, "Users\t%s\nPolicies\t%s\n", or(strings.Join(d.Users, ", "), "none"), or(strings.Join(d.Policies, "\n\t"), "none"))
			})
		}),
	}
}

func newMembershipCommand(a *access, verb, short, operation, word string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " GROUP USER...", Short: short, Args: cobra.MinimumNArgs(2),
		RunE: a.run(func(c accessCall, args []string) error {
			for _, user := range args[1:] {
				if err := c.call(nil, operation, "GroupName", args[0], "UserName", user); err != nil {
					return err
				}
				if err := c.say("User %s is %s group %s.", user, word, args[0]); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

func newGroupDeleteCommand(a *access) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "delete NAME", Short: "Delete a group", Args: cobra.ExactArgs(1),
		Long: "Delete a group. Its users and policies must be gone; --force removes them first, and the users stay users.",
		RunE: a.run(func(c accessCall, args []string) error {
			if !force {
				return c.remove("Group", args[0], nil)
			}
			return c.remove("Group", args[0], func() error { return c.stripGroup(args[0]) })
		}),
	}
	c.Flags().BoolVar(&force, "force", false, "remove the group's users and policies first")
	return c
}

func (c accessCall) stripGroup(name string) error {
	d, err := c.group(name)
	if err != nil {
		return err
	}
	for _, user := range d.Users {
		if err := c.call(nil, "RemoveUserFromGroup", "GroupName", name, "UserName", user); err != nil {
			return err
		}
	}
	return c.stripPolicies("Group", name, d.Policies)
}
