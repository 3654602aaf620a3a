package iamapi_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	client "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func TestManagedPolicies(t *testing.T) {
	t.Parallel()
	c := mustOpen(t)
	ctx := t.Context()
	first := document("Allow", "s3:GetObject", "arn:aws:s3:::data/*")
	p := must(c.CreatePolicy(ctx, &client.CreatePolicyInput{PolicyName: aws.String("Readers"), Path: aws.String("/data/"), PolicyDocument: first, Description: aws.String("Reads")}))(t).Policy
	arn := p.Arn
	if *arn != "arn:aws:iam::000000000000:policy/data/Readers" || !strings.HasPrefix(*p.PolicyId, "ANPA") || *p.DefaultVersionId != "v1" || !p.IsAttachable || *p.AttachmentCount != 0 {
		t.Errorf("made %+v", p)
	}
	fails(t, second(c.CreatePolicy(ctx, &client.CreatePolicyInput{PolicyName: aws.String("readers"), PolicyDocument: first})), "EntityAlreadyExists", "A policy called readers already exists.")
	fails(t, second(c.CreatePolicy(ctx, &client.CreatePolicyInput{PolicyName: aws.String("bad"), PolicyDocument: aws.String(`{"Statement":[{"Effect":"Perhaps"}]}`)})), "MalformedPolicyDocument", "")
	fails(t, second(c.CreatePolicy(ctx, &client.CreatePolicyInput{PolicyName: aws.String("big"), PolicyDocument: document("Allow", "s3:*", "arn:aws:s3:::"+strings.Repeat("b", 6200))})),
		"LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
	for i := 2; i <= 5; i++ {
		v := must(c.CreatePolicyVersion(ctx, &client.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: document("Deny", "s3:*", "*"), SetAsDefault: i == 3}))(t).PolicyVersion
		if *v.VersionId != fmt.Sprint("v", i) || v.IsDefaultVersion != (i == 3) {
			t.Errorf("version %d: %+v", i, v)
		}
	}
	fails(t, second(c.CreatePolicyVersion(ctx, &client.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: first})), "LimitExceeded", "can have up to 5 versions")
	fails(t, second(c.DeletePolicyVersion(ctx, &client.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v3")})), "DeleteConflict", "Cannot delete the default version of a policy.")
	must(c.SetDefaultPolicyVersion(ctx, &client.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v1")}))(t)
	fails(t, second(c.SetDefaultPolicyVersion(ctx, &client.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v9")})), "NoSuchEntity", "version v9 does not exist")
	fails(t, second(c.SetDefaultPolicyVersion(ctx, &client.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("9")})), "ValidationError", "at 'versionId'")
	must(c.DeletePolicyVersion(ctx, &client.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v5")}))(t)
	must(c.CreatePolicyVersion(ctx, &client.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: first}))(t) // v6: numbers are not used again
	versions := must(c.ListPolicyVersions(ctx, &client.ListPolicyVersionsInput{PolicyArn: arn, MaxItems: aws.Int32(3)}))(t)
	if len(versions.Versions) != 3 || *versions.Versions[0].VersionId != "v6" || !versions.IsTruncated {
		t.Errorf("versions: %+v", versions)
	}
	rest := must(c.ListPolicyVersions(ctx, &client.ListPolicyVersionsInput{PolicyArn: arn, Marker: versions.Marker}))(t)
	if len(rest.Versions) != 2 || *rest.Versions[1].VersionId != "v1" || !rest.Versions[1].IsDefaultVersion || rest.IsTruncated {
		t.Errorf("other versions: %+v", rest)
	}
	v := must(c.GetPolicyVersion(ctx, &client.GetPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v1")}))(t).PolicyVersion
	if text, err := url.PathUnescape(*v.Document); err != nil || text != *first {
		t.Errorf("text %s, %v", text, err)
	}
	fails(t, second(c.DeletePolicy(ctx, &client.DeletePolicyInput{PolicyArn: arn})), "DeleteConflict", "This policy has more than one version.")
	for _, id := range []string{"v2", "v3", "v4", "v6"} {
		must(c.DeletePolicyVersion(ctx, &client.DeletePolicyVersionInput{PolicyArn: arn, VersionId: &id}))(t)
	}

	must(c.CreateUser(ctx, &client.CreateUserInput{UserName: aws.String("Ann"), PermissionsBoundary: arn}))(t)
	must(c.CreateGroup(ctx, &client.CreateGroupInput{GroupName: aws.String("Team")}))(t)
	for range 2 { // what is attached stays so
		must(c.AttachGroupPolicy(ctx, &client.AttachGroupPolicyInput{GroupName: aws.String("Team"), PolicyArn: arn}))(t)
		must(c.AttachRolePolicy(ctx, &client.AttachRolePolicyInput{RoleName: aws.String("SageMakerRole"), PolicyArn: arn}))(t)
	}
	p = must(c.GetPolicy(ctx, &client.GetPolicyInput{PolicyArn: arn}))(t).Policy
	if *p.AttachmentCount != 2 || *p.PermissionsBoundaryUsageCount != 1 || *p.Description != "Reads" {
		t.Errorf("used: %+v", p)
	}
	who := must(c.ListEntitiesForPolicy(ctx, &client.ListEntitiesForPolicyInput{PolicyArn: arn}))(t)
	if len(who.PolicyGroups) != 1 || len(who.PolicyRoles) != 1 || len(who.PolicyUsers) != 1 || *who.PolicyRoles[0].RoleName != "SageMakerRole" {
		t.Errorf("entities: %+v", who)
	}
	who = must(c.ListEntitiesForPolicy(ctx, &client.ListEntitiesForPolicyInput{PolicyArn: arn, PolicyUsageFilter: types.PolicyUsageTypePermissionsPolicy, EntityFilter: types.EntityTypeGroup}))(t)
	if len(who.PolicyGroups) != 1 || len(who.PolicyRoles) != 0 || len(who.PolicyUsers) != 0 {
		t.Errorf("groups: %+v", who)
	}
	fails(t, second(c.DeletePolicy(ctx, &client.DeletePolicyInput{PolicyArn: arn})), "DeleteConflict", "Cannot delete a policy attached to entities.")
	fails(t, second(c.DeleteGroup(ctx, &client.DeleteGroupInput{GroupName: aws.String("Team")})), "DeleteConflict", "must detach all policies first")
	must(c.DetachGroupPolicy(ctx, &client.DetachGroupPolicyInput{GroupName: aws.String("Team"), PolicyArn: arn}))(t)
	must(c.DetachRolePolicy(ctx, &client.DetachRolePolicyInput{RoleName: aws.String("SageMakerRole"), PolicyArn: arn}))(t)
	fails(t, second(c.DetachRolePolicy(ctx, &client.DetachRolePolicyInput{RoleName: aws.String("SageMakerRole"), PolicyArn: arn})), "NoSuchEntity", "was not found")
	must(c.DeleteUserPermissionsBoundary(ctx, &client.DeleteUserPermissionsBoundaryInput{UserName: aws.String("Ann")}))(t)
	must(c.DeletePolicy(ctx, &client.DeletePolicyInput{PolicyArn: arn}))(t)
	fails(t, second(c.GetPolicy(ctx, &client.GetPolicyInput{PolicyArn: arn})), "NoSuchEntity", "was not found")
	fails(t, second(c.AttachUserPolicy(ctx, &client.AttachUserPolicyInput{UserName: aws.String("Ann"), PolicyArn: arn})), "NoSuchEntity", "does not exist or is not attachable.")
}

func TestReadyMadePolicies(t *testing.T) {
	t.Parallel()
	c := mustOpen(t)
	ctx := t.Context()
	all := must(c.ListPolicies(ctx, &client.ListPoliciesInput{Scope: types.PolicyScopeTypeAws, MaxItems: aws.Int32(1000)}))(t).Policies
	if len(all) < 8 {
		t.Fatalf("%d policies", len(all))
	}
	for _, p := range all {
		v := must(c.GetPolicyVersion(ctx, &client.GetPolicyVersionInput{PolicyArn: p.Arn, VersionId: p.DefaultVersionId}))(t).PolicyVersion
		text, _ := url.PathUnescape(*v.Document)
		must(c.CreatePolicy(ctx, &client.CreatePolicyInput{PolicyName: p.PolicyName, PolicyDocument: &text}))(t) // it is a valid policy
		fails(t, second(c.DeletePolicy(ctx, &client.DeletePolicyInput{PolicyArn: p.Arn})), "AccessDenied", "comes with the product")
	}
	own := must(c.ListPolicies(ctx, &client.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal}))(t).Policies
	used := must(c.ListPolicies(ctx, &client.ListPoliciesInput{OnlyAttached: true}))(t).Policies
	if len(own) != len(all) || len(used) == 0 || len(used) >= len(all) {
		t.Errorf("%d own, %d used", len(own), len(used))
	}
}

func TestInlinePolicies(t *testing.T) {
	t.Parallel()
	c := mustOpen(t)
	ctx := t.Context()
	user := aws.String("Ann")
	must(c.CreateUser(ctx, &client.CreateUserInput{UserName: user}))(t)
	if names := must(c.ListUserPolicies(ctx, &client.ListUserPoliciesInput{UserName: user}))(t).PolicyNames; len(names) != 0 {
		t.Errorf("names are %v", names)
	}
	put := func(name, resource string) error {
		return second(c.PutUserPolicy(ctx, &client.PutUserPolicyInput{UserName: user, PolicyName: &name, PolicyDocument: document("Allow", "s3:*", resource)}))
	}
	for _, name := range []string{"two", "one", "two"} {
		if err := put(name, "arn:aws:s3:::Größe & co"); err != nil {
			t.Fatal(err)
		}
	}
	if names := must(c.ListUserPolicies(ctx, &client.ListUserPoliciesInput{UserName: user}))(t).PolicyNames; fmt.Sprint(names) != "[one two]" {
		t.Errorf("names are %v", names)
	}
	got := must(c.GetUserPolicy(ctx, &client.GetUserPolicyInput{UserName: user, PolicyName: aws.String("one")}))(t)
	if text, err := url.PathUnescape(*got.PolicyDocument); err != nil || text != *document("Allow", "s3:*", "arn:aws:s3:::Größe & co") || *got.UserName != "Ann" || *got.PolicyName != "one" {
		t.Errorf("got %+v: %s", got, text)
	}
	fails(t, put("three", "arn:aws:s3:::"+strings.Repeat("b", 1900)), "LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user Ann")
	fails(t, put("a/b", "*"), "ValidationError", "The specified value for policyName is invalid.")
	fails(t, second(c.PutUserPolicy(ctx, &client.PutUserPolicyInput{UserName: user, PolicyName: aws.String("p"), PolicyDocument: aws.String(trustSageMaker)})), "MalformedPolicyDocument", "")
	fails(t, second(c.GetUserPolicy(ctx, &client.GetUserPolicyInput{UserName: user, PolicyName: aws.String("three")})), "NoSuchEntity", "The user policy with name three cannot be found.")
	fails(t, second(c.DeleteUser(ctx, &client.DeleteUserInput{UserName: user})), "DeleteConflict", "must delete policies first")
	fails(t, second(c.GetRolePolicy(ctx, &client.GetRolePolicyInput{RoleName: aws.String("SageMakerRole"), PolicyName: aws.String("x")})), "NoSuchEntity", "The role policy with name x cannot be found.")
}

func TestQuotas(t *testing.T) {
	t.Parallel()
	c := mustOpen(t)
	ctx := t.Context()
	user := aws.String("Ann")
	must(c.CreateUser(ctx, &client.CreateUserInput{UserName: user}))(t)
	for i := range 11 {
		name := fmt.Sprint("n", i)
		p := must(c.CreatePolicy(ctx, &client.CreatePolicyInput{PolicyName: &name, PolicyDocument: document("Allow", "s3:*", "*")}))(t).Policy
		must(c.CreateGroup(ctx, &client.CreateGroupInput{GroupName: &name}))(t)
		_, attached := c.AttachUserPolicy(ctx, &client.AttachUserPolicyInput{UserName: user, PolicyArn: p.Arn})
		_, added := c.AddUserToGroup(ctx, &client.AddUserToGroupInput{GroupName: &name, UserName: user})
		if i == 10 {
			fails(t, attached, "LimitExceeded", "Cannot exceed quota for PoliciesPerUser: 10")
			fails(t, added, "LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10")
		} else if attached != nil || added != nil {
			t.Fatal(attached, added)
		}
	}
	summary := must(c.GetAccountSummary(ctx, &client.GetAccountSummaryInput{}))(t).SummaryMap
	if summary["Users"] != 1 || summary["Groups"] != 11 || summary["Roles"] != 2 || summary["Policies"] != 11 || summary["UsersQuota"] != 5000 {
		t.Errorf("summary: %v", summary)
	}
	page := must(c.ListAttachedUserPolicies(ctx, &client.ListAttachedUserPoliciesInput{UserName: user, MaxItems: aws.Int32(7)}))(t)
	more := must(c.ListAttachedUserPolicies(ctx, &client.ListAttachedUserPoliciesInput{UserName: user, Marker: page.Marker}))(t)
	if len(page.AttachedPolicies) != 7 || len(more.AttachedPolicies) != 3 || more.IsTruncated {
		t.Errorf("%d and %d attached policies", len(page.AttachedPolicies), len(more.AttachedPolicies))
	}
}

func TestAccessKeys(t *testing.T) {
	t.Parallel()
	c := mustOpen(t)
	ctx := t.Context()
	user := aws.String("Ann")
	must(c.CreateUser(ctx, &client.CreateUserInput{UserName: user}))(t)
	var ids []string
	for range 2 {
		k := must(c.CreateAccessKey(ctx, &client.CreateAccessKeyInput{UserName: user}))(t).AccessKey
		if !strings.HasPrefix(*k.AccessKeyId, "AKIA") || len(*k.SecretAccessKey) != 40 || k.Status != types.StatusTypeActive || *k.UserName != "Ann" {
			t.Errorf("made %+v", k)
		}
		ids = append(ids, *k.AccessKeyId)
	}
	fails(t, second(c.CreateAccessKey(ctx, &client.CreateAccessKeyInput{UserName: user})), "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
	fails(t, second(c.CreateAccessKey(ctx, &client.CreateAccessKeyInput{UserName: aws.String("Nobody")})), "NoSuchEntity", "The user with name Nobody")
	fails(t, second(c.CreateAccessKey(ctx, &client.CreateAccessKeyInput{})), "ValidationError", "Must specify userName")
	must(c.UpdateAccessKey(ctx, &client.UpdateAccessKeyInput{UserName: user, AccessKeyId: &ids[0], Status: types.StatusTypeInactive}))(t)
	fails(t, second(c.UpdateAccessKey(ctx, &client.UpdateAccessKeyInput{UserName: user, AccessKeyId: &ids[0], Status: "Asleep"})), "ValidationError", "[Active, Inactive]")
	must(c.UpdateUser(ctx, &client.UpdateUserInput{UserName: user, NewUserName: aws.String("Anna")}))(t)
	user = aws.String("Anna")
	keys := must(c.ListAccessKeys(ctx, &client.ListAccessKeysInput{UserName: user}))(t).AccessKeyMetadata
	if len(keys) != 2 || *keys[0].AccessKeyId != ids[0] || keys[0].Status != types.StatusTypeInactive || keys[1].Status != types.StatusTypeActive || *keys[0].UserName != "Anna" {
		t.Errorf("keys: %+v", keys)
	}
	used := must(c.GetAccessKeyLastUsed(ctx, &client.GetAccessKeyLastUsedInput{AccessKeyId: &ids[0]}))(t)
	if *used.UserName != "Anna" || used.AccessKeyLastUsed.LastUsedDate != nil || *used.AccessKeyLastUsed.ServiceName != "N/A" {
		t.Errorf("last used: %+v", used.AccessKeyLastUsed)
	}
	fails(t, second(c.DeleteUser(ctx, &client.DeleteUserInput{UserName: user})), "DeleteConflict", "must delete access keys first")
	fails(t, second(c.DeleteAccessKey(ctx, &client.DeleteAccessKeyInput{UserName: user, AccessKeyId: aws.String("AKIANOBODYNOBODY0000")})), "NoSuchEntity", "The Access Key with id AKIANOBODYNOBODY0000 cannot be found.")
	for _, id := range ids {
		must(c.DeleteAccessKey(ctx, &client.DeleteAccessKeyInput{UserName: user, AccessKeyId: &id}))(t)
	}
	must(c.DeleteUser(ctx, &client.DeleteUserInput{UserName: user}))(t)
}

func TestAccountDetails(t *testing.T) {
	t.Parallel()
	c := mustOpen(t)
	ctx := t.Context()
	p := must(c.CreatePolicy(ctx, &client.CreatePolicyInput{PolicyName: aws.String("own"), PolicyDocument: document("Allow", "s3:*", "*")}))(t).Policy
	must(c.CreatePolicyVersion(ctx, &client.CreatePolicyVersionInput{PolicyArn: p.Arn, PolicyDocument: document("Deny", "s3:*", "*")}))(t)
	must(c.CreateUser(ctx, &client.CreateUserInput{UserName: aws.String("Ann")}))(t)
	must(c.CreateGroup(ctx, &client.CreateGroupInput{GroupName: aws.String("Team")}))(t)
	must(c.AddUserToGroup(ctx, &client.AddUserToGroupInput{GroupName: aws.String("Team"), UserName: aws.String("Ann")}))(t)
	must(c.AttachUserPolicy(ctx, &client.AttachUserPolicyInput{UserName: aws.String("Ann"), PolicyArn: p.Arn}))(t)
	must(c.PutGroupPolicy(ctx, &client.PutGroupPolicyInput{GroupName: aws.String("Team"), PolicyName: aws.String("in"), PolicyDocument: document("Allow", "logs:*", "*")}))(t)
	var all client.GetAccountAuthorizationDetailsOutput
	for p := client.NewGetAccountAuthorizationDetailsPaginator(c, &client.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(3)}); p.HasMorePages(); {
		page := must(p.NextPage(ctx))(t)
		all.UserDetailList = append(all.UserDetailList, page.UserDetailList...)
		all.GroupDetailList = append(all.GroupDetailList, page.GroupDetailList...)
		all.RoleDetailList = append(all.RoleDetailList, page.RoleDetailList...)
		all.Policies = append(all.Policies, page.Policies...)
	}
	ready := must(c.ListPolicies(ctx, &client.ListPoliciesInput{Scope: types.PolicyScopeTypeAws}))(t).Policies
	if len(all.UserDetailList) != 1 || len(all.GroupDetailList) != 1 || len(all.RoleDetailList) != 2 || len(all.Policies) != 1+len(ready) {
		t.Fatalf("%d users, %d groups, %d roles, %d policies", len(all.UserDetailList), len(all.GroupDetailList), len(all.RoleDetailList), len(all.Policies))
	}
	u, g := all.UserDetailList[0], all.GroupDetailList[0]
	if *u.UserName != "Ann" || fmt.Sprint(u.GroupList) != "[Team]" || len(u.AttachedManagedPolicies) != 1 || *u.AttachedManagedPolicies[0].PolicyArn != *p.Arn ||
		len(g.GroupPolicyList) != 1 || *g.GroupPolicyList[0].PolicyName != "in" || !strings.Contains(*g.GroupPolicyList[0].PolicyDocument, "logs%3A%2A") {
		t.Errorf("user %+v, group %+v", u, g)
	}
	own := must(c.GetAccountAuthorizationDetails(ctx, &client.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeLocalManagedPolicy}}))(t)
	if len(own.Policies) != 1 || len(own.Policies[0].PolicyVersionList) != 2 || *own.Policies[0].AttachmentCount != 1 || len(own.RoleDetailList) != 0 {
		t.Errorf("own policies: %+v", own)
	}
	fails(t, second(c.GetAccountAuthorizationDetails(ctx, &client.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{"Planet"}})), "ValidationError", "at 'filter'")
}
