package iamapi_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	client "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// mustUser creates a user with a key and returns a client that signs with it.
func (a account) mustUser(t *testing.T, name string) *client.Client {
	t.Helper()
	must(a.CreateUser(t.Context(), &client.CreateUserInput{UserName: &name}))(t)
	k := must(a.CreateAccessKey(t.Context(), &client.CreateAccessKeyInput{UserName: &name}))(t).AccessKey
	return a.as(*k.AccessKeyId, *k.SecretAccessKey)
}

// TestRights changes what a user may do, each change in force with the next call.
func TestRights(t *testing.T) {
	t.Parallel()
	root := mustOpen(t)
	ctx := t.Context()
	ann := root.mustUser(t, "Ann")
	name := aws.String("Ann")
	const me = "User: arn:aws:iam::000000000000:user/Ann is not authorized to perform: "
	get := func() error { return second(ann.GetUser(ctx, &client.GetUserInput{})) }
	list := func() error { return second(ann.ListUsers(ctx, &client.ListUsersInput{})) }

	fails(t, get(), "AccessDenied", me+"iam:GetUser on resource: arn:aws:iam::000000000000:user/Ann because no identity-based policy allows the iam:GetUser action")
	fails(t, second(ann.GetUser(ctx, &client.GetUserInput{UserName: aws.String("Ghost")})), "AccessDenied", me) // and not NoSuchEntity
	fails(t, second(ann.CreateUser(ctx, &client.CreateUserInput{UserName: aws.String("a b")})), "AccessDenied", me)

	must(root.PutUserPolicy(ctx, &client.PutUserPolicyInput{UserName: name, PolicyName: aws.String("self"),
		PolicyDocument: document("Allow", "iam:Get*", "arn:aws:iam::000000000000:user/${aws:username}")}))(t)
	if err := get(); err != nil {
		t.Error(err)
	}
	fails(t, second(ann.GetUser(ctx, &client.GetUserInput{UserName: aws.String("Ghost")})), "AccessDenied", "")
	fails(t, list(), "AccessDenied", me+"iam:ListUsers on resource: arn:aws:iam::000000000000:user/ because no identity-based policy allows")

	must(root.CreateGroup(ctx, &client.CreateGroupInput{GroupName: aws.String("Readers")}))(t)
	must(root.AttachGroupPolicy(ctx, &client.AttachGroupPolicyInput{GroupName: aws.String("Readers"), PolicyArn: aws.String("arn:aws:iam::aws:policy/IAMReadOnlyAccess")}))(t)
	must(root.AddUserToGroup(ctx, &client.AddUserToGroupInput{GroupName: aws.String("Readers"), UserName: name}))(t)
	if err := list(); err != nil {
		t.Error(err)
	}
	fails(t, second(ann.GetUser(ctx, &client.GetUserInput{UserName: aws.String("Ghost")})), "NoSuchEntity", "")

	p := must(root.CreatePolicy(ctx, &client.CreatePolicyInput{PolicyName: aws.String("Bound"), PolicyDocument: document("Allow", "iam:GetUser", "*")}))(t).Policy
	must(root.PutUserPermissionsBoundary(ctx, &client.PutUserPermissionsBoundaryInput{UserName: name, PermissionsBoundary: p.Arn}))(t)
	fails(t, list(), "AccessDenied", "because no permissions boundary allows the iam:ListUsers action")
	must(root.CreatePolicyVersion(ctx, &client.CreatePolicyVersionInput{PolicyArn: p.Arn, PolicyDocument: document("Allow", "iam:List*", "*"), SetAsDefault: true}))(t)
	if err := list(); err != nil {
		t.Error(err)
	}
	fails(t, get(), "AccessDenied", "because no permissions boundary allows the iam:GetUser action")
	must(root.CreatePolicyVersion(ctx, &client.CreatePolicyVersionInput{PolicyArn: p.Arn, PolicyDocument: document("Deny", "iam:*", "*"), SetAsDefault: true}))(t)
	fails(t, list(), "AccessDenied", "with an explicit deny in a permissions boundary")
	must(root.DeleteUserPermissionsBoundary(ctx, &client.DeleteUserPermissionsBoundaryInput{UserName: name}))(t)

	must(root.PutGroupPolicy(ctx, &client.PutGroupPolicyInput{GroupName: aws.String("Readers"), PolicyName: aws.String("no"), PolicyDocument: document("Deny", "iam:ListUsers", "*")}))(t)
	fails(t, list(), "AccessDenied", "with an explicit deny in an identity-based policy")
	must(root.RemoveUserFromGroup(ctx, &client.RemoveUserFromGroupInput{GroupName: aws.String("Readers"), UserName: name}))(t)
	fails(t, list(), "AccessDenied", "because no identity-based policy allows")

	must(root.UpdateUser(ctx, &client.UpdateUserInput{UserName: name, NewUserName: aws.String("Anna"), NewPath: aws.String("/old/")}))(t)
	fails(t, get(), "AccessDenied", "arn:aws:iam::000000000000:user/old/Anna is not authorized")
	must(root.DeleteUserPolicy(ctx, &client.DeleteUserPolicyInput{UserName: aws.String("Anna"), PolicyName: aws.String("self")}))(t)
}

// TestDelegation lets a user hand out rights, within conditions.
func TestDelegation(t *testing.T) {
	t.Parallel()
	root := mustOpen(t)
	ctx := t.Context()
	chief := root.mustUser(t, "Chief")
	must(root.PutUserPolicy(ctx, &client.PutUserPolicyInput{UserName: aws.String("Chief"), PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:CreateUser","Resource":"arn:aws:iam::000000000000:user/team/*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"arn:aws:iam::aws:policy/AmazonS3FullAccess"}}},
		{"Effect":"Allow","Action":["iam:AttachUserPolicy","iam:DetachUserPolicy"],"Resource":"*","Condition":{"ArnLike":{"iam:PolicyARN":"arn:aws:iam::aws:policy/AmazonS3*"}}}]}`)}))(t)
	create := func(path string, boundary *string) error {
		return second(chief.CreateUser(ctx, &client.CreateUserInput{UserName: aws.String("New"), Path: &path, PermissionsBoundary: boundary}))
	}
	fails(t, create("/team/", nil), "AccessDenied", "")
	fails(t, create("/team/", aws.String("arn:aws:iam::aws:policy/AdministratorAccess")), "AccessDenied", "")
	fails(t, create("/", aws.String("arn:aws:iam::aws:policy/AmazonS3FullAccess")), "AccessDenied", "")
	if err := create("/team/", aws.String("arn:aws:iam::aws:policy/AmazonS3FullAccess")); err != nil {
		t.Error(err)
	}
	for name, allowed := range map[string]bool{"AmazonS3ReadOnlyAccess": true, "AdministratorAccess": false} {
		_, err := chief.AttachUserPolicy(ctx, &client.AttachUserPolicyInput{UserName: aws.String("New"), PolicyArn: aws.String("arn:aws:iam::aws:policy/" + name)})
		if allowed != (err == nil) {
			t.Errorf("attach %s: %v", name, err)
		}
	}
}

// TestConditionsOnEntities decides by what a user has, and by what a call brings.
func TestConditionsOnEntities(t *testing.T) {
	t.Parallel()
	root := mustOpen(t)
	ctx := t.Context()
	chief := root.mustUser(t, "Chief")
	must(root.PutUserPolicy(ctx, &client.PutUserPolicyInput{UserName: aws.String("Chief"), PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:PutUserPolicy","Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"arn:aws:iam::aws:policy/AmazonS3FullAccess"}}},
		{"Effect":"Allow","Action":"iam:DeleteUser","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/Team":"${aws:PrincipalTag/team}"}}},
		{"Effect":"Allow","Action":"iam:TagUser","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["floor"]},"StringLike":{"aws:RequestTag/floor":"?"}}}]}`)}))(t)
	must(root.TagUser(ctx, &client.TagUserInput{UserName: aws.String("Chief"), Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("support")}}}))(t)
	must(root.CreateUser(ctx, &client.CreateUserInput{UserName: aws.String("bound"), PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/AmazonS3FullAccess"),
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("support")}}}))(t)
	must(root.CreateUser(ctx, &client.CreateUserInput{UserName: aws.String("free"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("sales")}}}))(t)
	for name, allowed := range map[string]bool{"bound": true, "free": false} {
		_, err := chief.PutUserPolicy(ctx, &client.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"), PolicyDocument: document("Allow", "s3:*", "*")})
		if allowed != (err == nil) {
			t.Errorf("put a policy into %s: %v", name, err)
		}
	}
	must(root.DeleteUserPolicy(ctx, &client.DeleteUserPolicyInput{UserName: aws.String("bound"), PolicyName: aws.String("p")}))(t)
	for tag, allowed := range map[string]bool{"floor=2": true, "floor=22": false, "other=2": false} {
		key, value, _ := strings.Cut(tag, "=")
		_, err := chief.TagUser(ctx, &client.TagUserInput{UserName: aws.String("free"), Tags: []types.Tag{{Key: &key, Value: &value}}})
		if allowed != (err == nil) {
			t.Errorf("tag with %s: %v", tag, err)
		}
	}
	for name, allowed := range map[string]bool{"bound": true, "free": false} {
		if _, err := chief.DeleteUser(ctx, &client.DeleteUserInput{UserName: &name}); allowed != (err == nil) {
			t.Errorf("delete %s: %v", name, err)
		}
	}
}

func TestSimulation(t *testing.T) {
	t.Parallel()
	root := mustOpen(t)
	ctx := t.Context()
	root.mustUser(t, "Ann")
	must(root.PutUserPolicy(ctx, &client.PutUserPolicyInput{UserName: aws.String("Ann"), PolicyName: aws.String("p"), PolicyDocument: aws.String(
		"{\"Version\":\"2012-10-17\",\"Statement\":[\n{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::home/${aws:username}/*\"},\n" +
			"{\"Effect\":\"Deny\",\"Action\":\"s3:DeleteObject\",\"Resource\":\"*\",\"Condition\":{\"Bool\":{\"aws:SecureTransport\":\"false\"}}}]}")}))(t)
	arn := aws.String("arn:aws:iam::000000000000:user/Ann")
	for _, c := range []struct {
		action, resource string
		secure           string // "" not given
		want             types.PolicyEvaluationDecisionType
		matched, missing int
	}{
		{"s3:GetObject", "arn:aws:s3:::home/Ann/x", "", types.PolicyEvaluationDecisionTypeAllowed, 1, 0},
		{"s3:GetObject", "arn:aws:s3:::home/Bob/x", "", types.PolicyEvaluationDecisionTypeImplicitDeny, 0, 0},
		{"s3:DeleteObject", "arn:aws:s3:::home/Ann/x", "", types.PolicyEvaluationDecisionTypeAllowed, 1, 1},
		{"s3:DeleteObject", "arn:aws:s3:::home/Ann/x", "false", types.PolicyEvaluationDecisionTypeExplicitDeny, 2, 0},
		{"s3:DeleteObject", "arn:aws:s3:::home/Ann/x", "true", types.PolicyEvaluationDecisionTypeAllowed, 1, 0},
	} {
		in := &client.SimulatePrincipalPolicyInput{PolicySourceArn: arn, ActionNames: []string{c.action}, ResourceArns: []string{c.resource}}
		if c.secure != "" {
			in.ContextEntries = []types.ContextEntry{{ContextKeyName: aws.String("aws:securetransport"), ContextKeyType: types.ContextKeyTypeEnumBoolean, ContextKeyValues: []string{c.secure}}}
		}
		r := must(root.SimulatePrincipalPolicy(ctx, in))(t).EvaluationResults
		if len(r) != 1 || r[0].EvalDecision != c.want || len(r[0].MatchedStatements) != c.matched || len(r[0].MissingContextValues) != c.missing {
			t.Errorf("%s on %s with %q: got %+v", c.action, c.resource, c.secure, r)
			continue
		}
		if c.matched == 2 && r[0].MatchedStatements[0].StartPosition.Line != 3 {
			t.Errorf("the deny is said to be at %+v", r[0].MatchedStatements[0].StartPosition)
		}
	}
	many := &client.SimulatePrincipalPolicyInput{PolicySourceArn: arn, MaxItems: aws.Int32(4), ActionNames: []string{"s3:GetObject", "s3:PutObject"},
		ResourceArns: []string{"arn:aws:s3:::home/Ann/x", "arn:aws:s3:::home/Bob/x", "arn:aws:s3:::home"}}
	var decisions []string
	for p := client.NewSimulatePrincipalPolicyPaginator(root, many); p.HasMorePages(); {
		for _, r := range must(p.NextPage(ctx))(t).EvaluationResults {
			decisions = append(decisions, fmt.Sprint(*r.EvalActionName, r.EvalDecision))
		}
	}
	if got := strings.Join(decisions, " "); got != "s3:GetObjectallowed s3:GetObjectimplicitDeny s3:GetObjectimplicitDeny s3:PutObjectallowed s3:PutObjectimplicitDeny s3:PutObjectimplicitDeny" {
		t.Errorf("got %s", got)
	}
	custom := must(root.SimulateCustomPolicy(ctx, &client.SimulateCustomPolicyInput{ActionNames: []string{"s3:GetObject"}, PolicyInputList: []string{*document("Allow", "s3:*", "*")},
		PermissionsBoundaryPolicyInputList: []string{*document("Allow", "logs:*", "*")}}))(t).EvaluationResults
	if len(custom) != 1 || custom[0].EvalDecision != types.PolicyEvaluationDecisionTypeImplicitDeny || *custom[0].EvalResourceName != "*" ||
		custom[0].PermissionsBoundaryDecisionDetail == nil || custom[0].PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary {
		t.Errorf("got %+v", custom)
	}
	keys := must(root.GetContextKeysForPrincipalPolicy(ctx, &client.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: arn, PolicyInputList: []string{
		`{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}`}}))(t).ContextKeyNames
	if fmt.Sprint(keys) != "[aws:SecureTransport aws:SourceIp aws:username]" {
		t.Errorf("keys are %v", keys)
	}
	for text, err := range map[string]error{
		"InvalidInput: Invalid Action Name: s3:*":                        second(root.SimulatePrincipalPolicy(ctx, &client.SimulatePrincipalPolicyInput{PolicySourceArn: arn, ActionNames: []string{"s3:*"}})),
		"InvalidInput: Invalid Entity Arn: x":                            second(root.SimulatePrincipalPolicy(ctx, &client.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String("x"), ActionNames: []string{"s3:GetObject"}})),
		"NoSuchEntity: The user with name Ghost":                         second(root.SimulatePrincipalPolicy(ctx, &client.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String("arn:aws:iam::000000000000:user/Ghost"), ActionNames: []string{"s3:GetObject"}})),
		"MalformedPolicyDocument: PolicyInputList.1: ":                   second(root.SimulateCustomPolicy(ctx, &client.SimulateCustomPolicyInput{ActionNames: []string{"s3:GetObject"}, PolicyInputList: []string{"{"}})),
		"ValidationError: Value null at 'actionNames' failed to satisfy": second(root.SimulatePrincipalPolicy(ctx, &client.SimulatePrincipalPolicyInput{PolicySourceArn: arn, ActionNames: []string{}})),
	} {
		code, message, _ := strings.Cut(text, ": ")
		fails(t, err, code, message)
	}
}

// TestChangesCountAtOnce changes rights while they are in use: the call after a
// change sees it, whatever was compiled meanwhile.
func TestChangesCountAtOnce(t *testing.T) {
	t.Parallel()
	root := mustOpen(t)
	ctx := t.Context()
	ann := root.mustUser(t, "Ann")
	get := func() error { return second(ann.GetUser(ctx, &client.GetUserInput{})) }
	var busy sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		busy.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = get() // allowed or not
				}
			}
		})
	}
	for i := range 40 {
		if i%2 == 0 {
			must(root.PutUserPolicy(ctx, &client.PutUserPolicyInput{UserName: aws.String("Ann"), PolicyName: aws.String("p"), PolicyDocument: document("Allow", "iam:GetUser", "*")}))(t)
		} else {
			must(root.DeleteUserPolicy(ctx, &client.DeleteUserPolicyInput{UserName: aws.String("Ann"), PolicyName: aws.String("p")}))(t)
		}
		if err := get(); (err == nil) != (i%2 == 0) {
			t.Fatalf("after change %d: %v", i, err)
		}
	}
	close(stop)
	busy.Wait()
}

// TestQuotaUnderLoad asks for many keys at once; two are made.
func TestQuotaUnderLoad(t *testing.T) {
	t.Parallel()
	root := mustOpen(t)
	ctx := t.Context()
	must(root.CreateUser(ctx, &client.CreateUserInput{UserName: aws.String("Ann")}))(t)
	var made atomic.Int32
	var busy sync.WaitGroup
	for range 12 {
		busy.Go(func() {
			if _, err := root.CreateAccessKey(ctx, &client.CreateAccessKeyInput{UserName: aws.String("Ann")}); err == nil {
				made.Add(1)
			}
		})
	}
	busy.Wait()
	if keys := must(root.ListAccessKeys(ctx, &client.ListAccessKeysInput{UserName: aws.String("Ann")}))(t).AccessKeyMetadata; made.Load() != 2 || len(keys) != 2 {
		t.Errorf("%d keys were made, %d are there", made.Load(), len(keys))
	}
}
