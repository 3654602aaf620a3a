package iamapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"github.com/heliograph/heliograph/internal/awsapi/iamapi"
	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/keyring"
	"github.com/heliograph/heliograph/internal/store"
)

// account is the IAM API over a real database.
type account struct {
	*client.Client // as the root key
	service        *iam.Service
	url            string
}

func mustOpen(t *testing.T) account {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(dir, "heliograph.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	ring, err := keyring.Open(t.Context(), dir, keyring.Source{})
	if err != nil {
		t.Fatal(err)
	}
	key := iam.Key{ID: "AKIATESTTESTTESTTEST", Secret: "secret/secret+secret/secret+secret/12345"}
	access, err := iam.New(iam.Config{RootKey: key, AccountID: "000000000000", Region: "eu-central-1", DB: db, Keyring: ring})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(wire.NewRouter(wire.RouterOptions{Verifier: access, S3: http.NotFoundHandler(),
		Query: map[string]http.Handler{"iam/" + iamapi.Version: iamapi.New(access, wire.Options{})}}))
	t.Cleanup(server.Close)
	a := account{service: access, url: server.URL}
	a.Client = a.as(key.ID, key.Secret)
	return a
}

// as is a client that signs with a key.
func (a account) as(id, secret string) *client.Client {
	return client.NewFromConfig(aws.Config{Region: "eu-central-1", BaseEndpoint: &a.url, // signed for us-east-1 or this one
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, "")})
}

// fails wants an error of a code whose message contains a text.
func fails(t *testing.T, err error, code, message string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), message) {
		t.Errorf("got %v, want %s: %s", err, code, message)
	}
}

func must[T any](out T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func second[T any](_ T, err error) error { return err }

// document is a policy with one statement.
func document(effect, action, resource string) *string {
	return aws.String(fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":%q,"Action":%q,"Resource":%q}]}`, effect, action, resource))
}

const trustSageMaker = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

func TestBuiltinRoles(t *testing.T) {
	t.Parallel()
	c := mustOpen(t)
	for _, name := range []string{"SageMakerRole", "HeliographFunctionRole"} {
		r := must(c.GetRole(t.Context(), &client.GetRoleInput{RoleName: &name}))(t).Role
		if *r.Arn != "arn:aws:iam::000000000000:role/"+name || *r.RoleName != name || *r.Path != "/" || len(*r.RoleId) != 21 || r.CreateDate == nil || *r.MaxSessionDuration != 3600 {
			t.Errorf("got %+v", r)
		}
		if policy, err := url.PathUnescape(*r.AssumeRolePolicyDocument); err != nil || !strings.HasPrefix(policy, `{"Version":"2012-10-17",`) {
			t.Errorf("trust policy %s, %v", policy, err)
		}
		attached := must(c.ListAttachedRolePolicies(t.Context(), &client.ListAttachedRolePoliciesInput{RoleName: &name}))(t)
		if len(attached.AttachedPolicies) == 0 {
			t.Errorf("%s has no policies", name)
		}
		for _, p := range attached.AttachedPolicies {
			if _, err := c.DetachRolePolicy(t.Context(), &client.DetachRolePolicyInput{RoleName: &name, PolicyArn: p.PolicyArn}); err != nil {
				t.Error(err)
			}
		}
		fails(t, second(c.DeleteRole(t.Context(), &client.DeleteRoleInput{RoleName: &name})), "UnmodifiableEntity", "protected role '"+name+"'")
	}
	fails(t, second(c.GetRole(t.Context(), &client.GetRoleInput{RoleName: aws.String("Nobody")})), "NoSuchEntity", "The role with name Nobody cannot be found.")
	fails(t, second(c.GetUser(t.Context(), &client.GetUserInput{})), "ValidationError", "Must specify userName when calling with non-User credentials")
}

func TestUsers(t *testing.T) {
	t.Parallel()
	c := mustOpen(t)
	ctx := t.Context()
	made := must(c.CreateUser(ctx, &client.CreateUserInput{UserName: aws.String("Ann"), Path: aws.String("/team/"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("support")}}}))(t).User
	if *made.Arn != "arn:aws:iam::000000000000:user/team/Ann" || !strings.HasPrefix(*made.UserId, "AIDA") || len(*made.UserId) != 21 || made.CreateDate == nil {
		t.Errorf("made %+v", made)
	}
	got := must(c.GetUser(ctx, &client.GetUserInput{UserName: aws.String("Ann")}))(t).User
	if *got.UserId != *made.UserId || len(got.Tags) != 1 || *got.Tags[0].Value != "support" || got.PermissionsBoundary != nil {
		t.Errorf("got %+v", got)
	}
	for name, err := range map[string]error{
		"EntityAlreadyExists: User with name Ann already exists.":           second(c.CreateUser(ctx, &client.CreateUserInput{UserName: aws.String("Ann")})),
		"EntityAlreadyExists: User with name ANN already exists.":           second(c.CreateUser(ctx, &client.CreateUserInput{UserName: aws.String("ANN")})),
		"NoSuchEntity: The user with name ann cannot be found.":             second(c.GetUser(ctx, &client.GetUserInput{UserName: aws.String("ann")})),
		"ValidationError: The specified value for userName is invalid.":     second(c.CreateUser(ctx, &client.CreateUserInput{UserName: aws.String("a b")})),
		"ValidationError: Member must have length less than or equal to 64": second(c.CreateUser(ctx, &client.CreateUserInput{UserName: aws.String(strings.Repeat("u", 65))})),
		"ValidationError: The specified value for path is invalid.":         second(c.CreateUser(ctx, &client.CreateUserInput{UserName: aws.String("Bob"), Path: aws.String("/team")})),
		"InvalidInput: Duplicate tag keys found.": second(c.TagUser(ctx, &client.TagUserInput{UserName: aws.String("Ann"),
			Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("")}, {Key: aws.String("A"), Value: aws.String("")}}})),
		"NoSuchEntity: Policy arn:aws:iam::aws:policy/Nothing does not exist": second(c.CreateUser(ctx,
			&client.CreateUserInput{UserName: aws.String("Bob"), PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/Nothing")})),
		"InvalidInput: ARN of-nothing is not valid.": second(c.AttachUserPolicy(ctx, &client.AttachUserPolicyInput{UserName: aws.String("Ann"), PolicyArn: aws.String("of-nothing")})),
	} {
		code, message, _ := strings.Cut(name, ": ")
		fails(t, err, code, message)
	}
	must(c.TagUser(ctx, &client.TagUserInput{UserName: aws.String("Ann"), Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("sales")}, {Key: aws.String("floor"), Value: aws.String("2")}}}))(t)
	must(c.UntagUser(ctx, &client.UntagUserInput{UserName: aws.String("Ann"), TagKeys: []string{"FLOOR", "none"}}))(t)
	if tags := must(c.ListUserTags(ctx, &client.ListUserTagsInput{UserName: aws.String("Ann")}))(t).Tags; len(tags) != 1 || *tags[0].Key != "team" || *tags[0].Value != "sales" {
		t.Errorf("tags are %+v", tags)
	}
	must(c.UpdateUser(ctx, &client.UpdateUserInput{UserName: aws.String("Ann"), NewUserName: aws.String("ANN"), NewPath: aws.String("/")}))(t)
	if got := must(c.GetUser(ctx, &client.GetUserInput{UserName: aws.String("ANN")}))(t).User; *got.UserId != *made.UserId || *got.Arn != "arn:aws:iam::000000000000:user/ANN" || !got.CreateDate.Equal(*made.CreateDate) {
		t.Errorf("renamed: %+v", got)
	}
	must(c.DeleteUser(ctx, &client.DeleteUserInput{UserName: aws.String("ANN")}))(t)
	fails(t, second(c.DeleteUser(ctx, &client.DeleteUserInput{UserName: aws.String("ANN")})), "NoSuchEntity", "The user with name ANN cannot be found.")
}

func TestPages(t *testing.T) {
	t.Parallel()
	c := mustOpen(t)
	ctx := t.Context()
	for _, name := range []string{"d", "B", "a", "C", "e"} {
		must(c.CreateUser(ctx, &client.CreateUserInput{UserName: &name, Path: aws.String("/x/")}))(t)
	}
	must(c.CreateUser(ctx, &client.CreateUserInput{UserName: aws.String("elsewhere")}))(t)
	var names []string
	pages := 0
	for p := client.NewListUsersPaginator(c, &client.ListUsersInput{PathPrefix: aws.String("/x"), MaxItems: aws.Int32(2)}); p.HasMorePages(); pages++ {
		page := must(p.NextPage(ctx))(t)
		for _, u := range page.Users {
			names = append(names, *u.UserName)
		}
		if pages == 0 { // what was on an earlier page may go
			must(c.DeleteUser(ctx, &client.DeleteUserInput{UserName: aws.String("B")}))(t)
		}
	}
	if fmt.Sprint(names) != "[a B C d e]" || pages != 3 {
		t.Errorf("got %v on %d pages", names, pages)
	}
	for _, n := range []int32{0, 1001, -1} {
		fails(t, second(c.ListUsers(ctx, &client.ListUsersInput{MaxItems: &n})), "ValidationError", "at 'maxItems' failed to satisfy constraint")
	}
	fails(t, second(c.ListUsers(ctx, &client.ListUsersInput{Marker: aws.String("!")})), "ValidationError", "Invalid Marker.")
	roles := must(c.ListRoles(ctx, &client.ListRolesInput{}))(t)
	if len(roles.Roles) != 2 || roles.IsTruncated || *roles.Roles[0].RoleName != "HeliographFunctionRole" || roles.Roles[0].AssumeRolePolicyDocument == nil {
		t.Errorf("roles: %+v", roles)
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	c := mustOpen(t)
	ctx := t.Context()
	g := must(c.CreateGroup(ctx, &client.CreateGroupInput{GroupName: aws.String("Team")}))(t).Group
	if !strings.HasPrefix(*g.GroupId, "AGPA") || *g.Arn != "arn:aws:iam::000000000000:group/Team" {
		t.Errorf("made %+v", g)
	}
	for _, name := range []string{"Ann", "bob"} {
		must(c.CreateUser(ctx, &client.CreateUserInput{UserName: &name}))(t)
		for range 2 { // a member stays one
			must(c.AddUserToGroup(ctx, &client.AddUserToGroupInput{GroupName: aws.String("Team"), UserName: &name}))(t)
		}
	}
	must(c.UpdateGroup(ctx, &client.UpdateGroupInput{GroupName: aws.String("Team"), NewGroupName: aws.String("Crew")}))(t)
	got := must(c.GetGroup(ctx, &client.GetGroupInput{GroupName: aws.String("Crew")}))(t)
	if len(got.Users) != 2 || *got.Users[0].UserName != "Ann" || *got.Users[1].UserName != "bob" || *got.Group.GroupId != *g.GroupId {
		t.Errorf("got %+v", got)
	}
	groups := must(c.ListGroupsForUser(ctx, &client.ListGroupsForUserInput{UserName: aws.String("bob")}))(t).Groups
	if len(groups) != 1 || *groups[0].GroupName != "Crew" {
		t.Errorf("groups of bob: %+v", groups)
	}
	fails(t, second(c.DeleteUser(ctx, &client.DeleteUserInput{UserName: aws.String("bob")})), "DeleteConflict", "must remove users from group first")
	fails(t, second(c.DeleteGroup(ctx, &client.DeleteGroupInput{GroupName: aws.String("Crew")})), "DeleteConflict", "must remove users from group first")
	fails(t, second(c.AddUserToGroup(ctx, &client.AddUserToGroupInput{GroupName: aws.String("Crew"), UserName: aws.String("Nobody")})), "NoSuchEntity", "The user with name Nobody")
	fails(t, second(c.AddUserToGroup(ctx, &client.AddUserToGroupInput{GroupName: aws.String("Team"), UserName: aws.String("bob")})), "NoSuchEntity", "The group with name Team")
	for _, name := range []string{"Ann", "bob"} {
		must(c.RemoveUserFromGroup(ctx, &client.RemoveUserFromGroupInput{GroupName: aws.String("Crew"), UserName: &name}))(t)
	}
	fails(t, second(c.RemoveUserFromGroup(ctx, &client.RemoveUserFromGroupInput{GroupName: aws.String("Crew"), UserName: aws.String("bob")})), "NoSuchEntity", "is not in the group")
	must(c.PutGroupPolicy(ctx, &client.PutGroupPolicyInput{GroupName: aws.String("Crew"), PolicyName: aws.String("p"), PolicyDocument: document("Allow", "s3:*", "*")}))(t)
	fails(t, second(c.DeleteGroup(ctx, &client.DeleteGroupInput{GroupName: aws.String("Crew")})), "DeleteConflict", "must delete policies first")
	must(c.DeleteGroupPolicy(ctx, &client.DeleteGroupPolicyInput{GroupName: aws.String("Crew"), PolicyName: aws.String("p")}))(t)
	must(c.DeleteGroup(ctx, &client.DeleteGroupInput{GroupName: aws.String("Crew")}))(t)
	if groups := must(c.ListGroups(ctx, &client.ListGroupsInput{}))(t).Groups; len(groups) != 0 {
		t.Errorf("groups: %+v", groups)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	c := mustOpen(t)
	ctx := t.Context()
	r := must(c.CreateRole(ctx, &client.CreateRoleInput{RoleName: aws.String("Trainer"), Path: aws.String("/ml/"), AssumeRolePolicyDocument: aws.String(trustSageMaker),
		Description: aws.String("Trains"), MaxSessionDuration: aws.Int32(7200), PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/AmazonS3FullAccess")}))(t).Role
	if *r.Arn != "arn:aws:iam::000000000000:role/ml/Trainer" || !strings.HasPrefix(*r.RoleId, "AROA") || *r.MaxSessionDuration != 7200 ||
		*r.PermissionsBoundary.PermissionsBoundaryArn != "arn:aws:iam::aws:policy/AmazonS3FullAccess" || r.PermissionsBoundary.PermissionsBoundaryType != "Policy" {
		t.Errorf("made %+v", r)
	}
	create := func(trust string) error {
		return second(c.CreateRole(ctx, &client.CreateRoleInput{RoleName: aws.String("Other"), AssumeRolePolicyDocument: &trust}))
	}
	fails(t, create(`{`), "MalformedPolicyDocument", "")
	fails(t, create(*document("Allow", "s3:*", "*")), "MalformedPolicyDocument", "")
	fails(t, create(strings.Replace(trustSageMaker, `{"Service":"sagemaker.amazonaws.com"}`, `{"AWS":"arn:aws:iam::000000000000:user/Ghost"}`, 1)),
		"MalformedPolicyDocument", `Invalid principal in policy: "AWS":"arn:aws:iam::000000000000:user/Ghost"`)
	fails(t, create(strings.Replace(trustSageMaker, "sagemaker.amazonaws.com", strings.Repeat("s", 2000)+".amazonaws.com", 1)), "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048")
	if err := create(strings.Replace(trustSageMaker, `{"Service":"sagemaker.amazonaws.com"}`, `{"AWS":["arn:aws:iam::000000000000:role/ml/Trainer","000000000000"]}`, 1)); err != nil {
		t.Error(err)
	}
	for _, d := range []int32{3599, 43201} {
		fails(t, second(c.UpdateRole(ctx, &client.UpdateRoleInput{RoleName: aws.String("Trainer"), MaxSessionDuration: &d})), "ValidationError", "at 'maxSessionDuration' failed")
	}
	must(c.UpdateRole(ctx, &client.UpdateRoleInput{RoleName: aws.String("Trainer"), MaxSessionDuration: aws.Int32(3600)}))(t)
	if r := must(c.UpdateRoleDescription(ctx, &client.UpdateRoleDescriptionInput{RoleName: aws.String("Trainer"), Description: aws.String("Trains & serves")}))(t).Role; *r.Description != "Trains & serves" || *r.MaxSessionDuration != 3600 {
		t.Errorf("updated: %+v", r)
	}
	trust := strings.Replace(trustSageMaker, "sagemaker", "lambda", 1)
	must(c.UpdateAssumeRolePolicy(ctx, &client.UpdateAssumeRolePolicyInput{RoleName: aws.String("Trainer"), PolicyDocument: &trust}))(t)
	r = must(c.GetRole(ctx, &client.GetRoleInput{RoleName: aws.String("Trainer")}))(t).Role
	if text, _ := url.PathUnescape(*r.AssumeRolePolicyDocument); text != trust {
		t.Errorf("trust policy is %s", text)
	}
	must(c.DeleteRolePermissionsBoundary(ctx, &client.DeleteRolePermissionsBoundaryInput{RoleName: aws.String("Trainer")}))(t)
	fails(t, second(c.DeleteRolePermissionsBoundary(ctx, &client.DeleteRolePermissionsBoundaryInput{RoleName: aws.String("Trainer")})), "NoSuchEntity", "permissions boundary")
	if p := must(c.ListInstanceProfilesForRole(ctx, &client.ListInstanceProfilesForRoleInput{RoleName: aws.String("Trainer")}))(t); len(p.InstanceProfiles) != 0 {
		t.Errorf("instance profiles: %+v", p)
	}
	must(c.DeleteRole(ctx, &client.DeleteRoleInput{RoleName: aws.String("Trainer")}))(t)
	fails(t, second(c.GetRole(ctx, &client.GetRoleInput{RoleName: aws.String("Trainer")})), "NoSuchEntity", "")
}
