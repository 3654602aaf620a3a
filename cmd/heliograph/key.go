package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/awsapi/iamapi"
	"github.com/heliograph/heliograph/internal/errs"
)

// newKeyCommand is the verb for access keys.
func newKeyCommand() *cobra.Command {
	return newAccessCommand("key", "Create, rotate, disable and delete access keys of users",
		`A user has up to two access keys: one in use, and one to change over to. A secret
is shown by the command that makes it and never again. Where --user is missing the
keys are those of the user who calls.`,
		newKeyCreateCommand, newKeyListCommand, newKeyRotateCommand,
		func(a *access) *cobra.Command {
			return newKeyStatusCommand(a, "enable", "Let a key sign again", "Active")
		},
		func(a *access) *cobra.Command {
			return newKeyStatusCommand(a, "disable", "Stop a key from signing, and the sessions made with it", "Inactive")
		},
		newKeyDeleteCommand)
}

func userFlag(c *cobra.Command) *string {
	return c.Flags().String("user", "", "user whose key it is (default the caller)")
}

func newKeyCreateCommand(a *access) *cobra.Command {
	c := &cobra.Command{
		Use: "create", Short: "Make a key and show its secret, this once", Args: cobra.NoArgs,
		Example: "  heliograph key create --user ann",
	}
	user := userFlag(c)
	c.RunE = a.run(func(c accessCall, _ []string) error { return c.newKey(*user) })
	return c
}

func (c accessCall) newKey(user string) error {
	var out iamapi.AccessKeyOutput
	if err := c.call(&out, "CreateAccessKey", "UserName", user); err != nil {
		return err
	}
	return c.show(out, func(w io.Writer) {
		fmt.Fprintf(w, "A key of %s was made. Its secret is shown this once:\n\n  AWS_ACCESS_KEY_ID=%s\n  AWS_SECRET_ACCESS_KEY=%s\n",
			out.AccessKey.UserName, out.AccessKey.AccessKeyID, out.AccessKey.SecretAccessKey)
	})
}

func (c accessCall) keys(user string) ([]iamapi.AccessKey, error) {
	return list(c, "ListAccessKeys", parameters("UserName", user), func(o *iamapi.AccessKeyListOutput) ([]iamapi.AccessKey, iamapi.Truncation) {
		return o.AccessKeyMetadata.Items, o.Truncation
	})
}

func newKeyListCommand(a *access) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List keys, with their last use", Args: cobra.NoArgs}
	user := userFlag(c)
	c.RunE = a.run(func(c accessCall, _ []string) error {
		keys, err := c.keys(*user)
		if err != nil {
			return err
		}
		used := make([]iamapi.LastUsedOutput, len(keys))
		for i, k := range keys {
			if err := c.call(&used[i], "GetAccessKeyLastUsed", "AccessKeyId", k.AccessKeyID); err != nil {
				return err
			}
		}
		return c.show(iamapi.AccessKeyListOutput{AccessKeyMetadata: iamapi.List[iamapi.AccessKey]{Items: keys}}, func(w io.Writer) {
			if len(keys) == 0 {
				fmt.Fprintln(w, "There are no keys. Make one with: heliograph key create --user NAME")
				return
			}
			fmt.Fprintln(w, "KEY\tUSER\tSTATUS\tCREATED\tLAST USED")
			for i, k := range keys {
				last := "never"
				if u := used[i].AccessKeyLastUsed; u.LastUsedDate != "" {
					last = u.LastUsedDate + " for " + u.ServiceName
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", k.AccessKeyID, k.UserName, strings.ToLower(k.Status), k.CreateDate, last)
			}
		})
	})
	return c
}

func newKeyRotateCommand(a *access) *cobra.Command {
	c := &cobra.Command{
		Use: "rotate", Short: "Make a new key beside the one in use, after removing a disabled one", Args: cobra.NoArgs,
		Long: `Make a new key beside the one in use. A disabled key is removed first, if there are
two. Give the new key to whoever uses the old one, then disable the old one and,
when nobody has missed it, rotate or delete.`,
	}
	user := userFlag(c)
	c.RunE = a.run(func(c accessCall, _ []string) error {
		keys, err := c.keys(*user)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if len(keys) > 1 && k.Status == "Inactive" {
				if err := c.call(nil, "DeleteAccessKey", "UserName", k.UserName, "AccessKeyId", k.AccessKeyID); err != nil {
					return err
				}
				if err := c.say("The disabled key %s is deleted.", k.AccessKeyID); err != nil {
					return err
				}
				break
			}
		}
		return c.newKey(*user)
	})
	return c
}

// owner is the user of a key, whom IAM's operations on it want to be told. A
// caller who may not ask means a key of their own, for which "" stands.
func (c accessCall) owner(key string) (string, error) {
	var out iamapi.LastUsedOutput
	err := c.call(&out, "GetAccessKeyLastUsed", "AccessKeyId", key)
	if errs.Is(err, errs.Denied) {
		return "", nil
	}
	return out.UserName, err
}

func newKeyStatusCommand(a *access, verb, short, status string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " KEY", Short: short, Args: cobra.ExactArgs(1),
		RunE: a.run(func(c accessCall, args []string) error {
			user, err := c.owner(args[0])
			if err != nil {
				return err
			}
			if err := c.call(nil, "UpdateAccessKey", "UserName", user, "AccessKeyId", args[0], "Status", status); err != nil {
				return err
			}
			return c.say("Key %s is %sd.", args[0], verb)
		}),
	}
}

func newKeyDeleteCommand(a *access) *cobra.Command {
	return &cobra.Command{
		Use: "delete KEY", Short: "Delete a key for good", Args: cobra.ExactArgs(1),
		RunE: a.run(func(c accessCall, args []string) error {
			user, err := c.owner(args[0])
			if err != nil {
				return err
			}
			if err := c.call(nil, "DeleteAccessKey", "UserName", user, "AccessKeyId", args[0]); err != nil {
				return err
			}
			return c.say("Key %s is deleted.", args[0])
		}),
	}
}
