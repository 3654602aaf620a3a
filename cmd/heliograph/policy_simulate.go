package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/awsapi/iamapi"
	"github.com/heliograph/heliograph/internal/errs"
)

// newPolicySimulateCommand asks the server what it would decide.
func newPolicySimulateCommand(a *access) *cobra.Command {
	var who entityFlags
	var resources, keys []string
	var ofResource string
	c := &cobra.Command{
		Use: "simulate ACTION...", Short: "Say what a user, group or role may do, and which statement decides", Args: cobra.MinimumNArgs(1),
		Long: `Say what a user, group or role may do, and which statements decide, without doing
it. The policies in force count, and the resource's own policy, such as a bucket's or
a function's, if --resource-policy has it.

The exit code is 1 if anything would be denied.`,
		Example: `  heliograph policy simulate s3:GetObject --user ann --resource arn:aws:s3:::data/train.csv
  heliograph policy simulate iam:PassRole --role deployer --context iam:PassedToService=sagemaker.amazonaws.com
  aws s3api get-bucket-policy --bucket data --query Policy --output text |
    heliograph policy simulate s3:GetObject --user ann --resource arn:aws:s3:::data/train.csv --resource-policy -`,
		RunE: a.run(func(c accessCall, args []string) error {
			arn, err := c.entityARN(who)
			if err != nil {
				return err
			}
			in := parameters("PolicySourceArn", arn)
			for i, action := range args {
				in.Set(fmt.Sprintf("ActionNames.member.%d", i+1), action)
			}
			for i, resource := range resources {
				in.Set(fmt.Sprintf("ResourceArns.member.%d", i+1), resource)
			}
			for i, entry := range keys {
				name, value, ok := strings.Cut(entry, "=")
				if !ok {
					return errs.Invalidf("the condition key %q is not of the form KEY=VALUE", entry)
				}
				at := fmt.Sprintf("ContextEntries.member.%d.", i+1)
				in.Set(at+"ContextKeyName", name)
				in.Set(at+"ContextKeyType", "stringList")
				in.Set(at+"ContextKeyValues.member.1", value)
			}
			if ofResource != "" {
				document, err := readDocument(ofResource)
				if err != nil {
					return err
				}
				in.Set("ResourcePolicy", document)
			}
			results, err := list(c, "SimulatePrincipalPolicy", in, func(o *iamapi.SimulationOutput) ([]iamapi.Evaluation, iamapi.Truncation) {
				return o.EvaluationResults.Items, o.Truncation
			})
			if err != nil {
				return err
			}
			denied := false
			err = c.show(iamapi.SimulationOutput{EvaluationResults: iamapi.List[iamapi.Evaluation]{Items: results}}, func(w io.Writer) {
				fmt.Fprintln(w, "ACTION\tRESOURCE\tDECISION\tBECAUSE OF")
				for _, r := range results {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.EvalActionName, r.EvalResourceName, r.EvalDecision, reasons(r))
				}
			})
			for _, r := range results {
				denied = denied || r.EvalDecision != "allowed"
			}
			if err == nil && denied {
				return exitCode(1)
			}
			return err
		}),
	}
	who.add(c, true)
	c.Flags().StringArrayVar(&resources, "resource", nil, "ARN to act on; may be repeated (default *)")
	c.Flags().StringVar(&ofResource, "resource-policy", "", "`file` with the policy of the resources, - for standard input")
	c.Flags().StringArrayVar(&keys, "context", nil, "value of a condition key as KEY=VALUE; may be repeated")
	return c
}

// reasons are what led to a decision.
func reasons(r iamapi.Evaluation) string {
	var all []string
	for _, m := range r.MatchedStatements.Items {
		all = append(all, fmt.Sprintf("%s line %d", m.SourcePolicyID, m.StartPosition.Line))
	}
	if len(all) == 0 {
		all = append(all, "no statement allows it")
	}
	if b := r.PermissionsBoundaryDecisionDetail; b != nil && !b.AllowedByPermissionsBoundary {
		all = append(all, "the permissions boundary does not allow it")
	}
	if missing := r.MissingContextValues.Items; len(missing) > 0 {
		all = append(all, "not given: "+strings.Join(missing, ", "))
	}
	return strings.Join(all, "; ")
}

// entityARN is the ARN of what the flags name.
func (c accessCall) entityARN(f entityFlags) (string, error) {
	switch kind, name := f.kind(); kind {
	case "Group":
		var out iamapi.GroupUsersOutput
		err := c.call(&out, "GetGroup", "GroupName", name)
		return out.Group.Arn, err
	case "Role":
		var out iamapi.RoleOutput
		err := c.call(&out, "GetRole", "RoleName", name)
		return out.Role.Arn, err
	default:
		var out iamapi.UserOutput
		err := c.call(&out, "GetUser", "UserName", name)
		return out.User.Arn, err
	}
}
