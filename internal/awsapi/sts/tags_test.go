package sts_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	client "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/heliograph/heliograph/internal/iam"
)

// mustTaggedRole makes a role with tags, a trust policy and a policy, which are
// the statements given.
func (h *house) mustTaggedRole(t *testing.T, name, trust, policy string, tags ...iam.Tag) string {
	t.Helper()
	r, err := h.iam.CreateRole(h.ctx, iam.NewRole{Name: name, MaxSession: time.Hour, TrustPolicy: `{"Version":"2012-10-17","Statement":[` + trust + `]}`, Tags: tags})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.iam.PutInlinePolicy(h.ctx, iam.Entity{Kind: iam.RoleEntity, Name: name}, "p", `{"Version":"2012-10-17","Statement":[`+policy+`]}`); err != nil {
		t.Fatal(err)
	}
	return r.ARN
}

func tagsOf(pairs ...string) (all []types.Tag) {
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		all = append(all, types.Tag{Key: &key, Value: &value})
	}
	return all
}

// mayAsk tries what the policies of these tests allow to team red.
func mayAsk(t *testing.T, what string, c *client.Client, want bool) {
	t.Helper()
	_, err := c.GetAccessKeyInfo(t.Context(), &client.GetAccessKeyInfoInput{AccessKeyId: new(key.ID)})
	if err == nil != want {
		t.Errorf("%s: %v", what, err)
	}
}

const forRed = `{"Effect":"Allow","Action":"sts:GetAccessKeyInfo","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"red"}}}`

func TestSessionTags(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.mustUser(t, "ada", "sts:AssumeRole")
	const on = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/ada"},"Action":`
	first := h.mustTaggedRole(t, "first", on+`"sts:AssumeRole"},`+on+`"sts:TagSession","Condition":{"StringEquals":{"aws:RequestTag/team":["red","green"]},
		"ForAllValues:StringEquals":{"aws:TagKeys":["team","cost"]},"StringNotEqualsIfExists":{"sts:TransitiveTagKeys":"cost"}}}`,
		forRed+`,{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Resource":"*"}`, iam.Tag{Key: "Team", Value: "blue"}, iam.Tag{Key: "cost", Value: "high"})
	second := h.mustTaggedRole(t, "second", `{"Effect":"Allow","Principal":{"AWS":"`+first+`"},"Action":["sts:AssumeRole","sts:TagSession"],
		"Condition":{"StringEquals":{"aws:PrincipalTag/team":"red"}}}`,
		strings.Replace(forRed, `"red"}`, `"red"},"Null":{"aws:PrincipalTag/cost":"true"}`, 1)+`,{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Resource":"*"}`)
	third := h.mustTaggedRole(t, "third", `{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":["sts:AssumeRole","sts:TagSession"]}`, forRed)
	closed := h.mustTaggedRole(t, "closed", `{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}`, forRed)

	assume := func(c *client.Client, role string, tags []types.Tag, transitive ...string) (*client.Client, error) {
		out, err := c.AssumeRole(t.Context(), &client.AssumeRoleInput{RoleArn: &role, RoleSessionName: new("work"), Tags: tags, TransitiveTagKeys: transitive})
		if err != nil {
			return nil, err
		}
		if len(tags) > 0 && (out.PackedPolicySize == nil || *out.PackedPolicySize < 1) {
			t.Error("tags take no room")
		}
		return h.with(out.Credentials), nil
	}
	must := func(c *client.Client, err error) *client.Client {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	mayAsk(t, "without tags", must(assume(ada, first, nil)), false)
	mayAsk(t, "green", must(assume(ada, first, tagsOf("team=green"))), false)
	mayAsk(t, "red, in place of the role's blue", must(assume(ada, first, tagsOf("team=red"))), true)
	for what, tags := range map[string][]types.Tag{"blue": tagsOf("team=blue"), "another key": tagsOf("team=red", "floor=1"), "no team": tagsOf("cost=low")} {
		_, err := assume(ada, first, tags)
		fails(t, err, "AccessDenied", "is not authorized to perform: sts:TagSession on resource: "+first+" because no role trust policy allows the sts:TagSession action")
		if err == nil {
			t.Error(what)
		}
	}
	_, err := assume(ada, first, tagsOf("team=red", "cost=low"), "cost")
	fails(t, err, "AccessDenied", "sts:TagSession")

	// A session of a session has the transitive tags alone, and can't change them.
	red := must(assume(ada, first, tagsOf("team=red", "cost=low"), "team"))
	chained := must(assume(red, second, nil))
	mayAsk(t, "chained", chained, true)
	mayAsk(t, "chained again", must(assume(chained, third, tagsOf("floor=1"))), true)
	_, err = assume(red, second, tagsOf("Team=green"))
	fails(t, err, "InvalidParameterValue", "conflicts with a transitive tag key from the calling session")
	_, err = assume(red, closed, nil)
	fails(t, err, "AccessDenied", "sts:TagSession")
	plain := must(assume(ada, first, tagsOf("team=red")))
	mayAsk(t, "not transitive", must(assume(must(assume(plain, second, nil)), third, nil)), false)
	_, err = assume(must(assume(ada, first, tagsOf("team=green"))), second, nil)
	fails(t, err, "AccessDenied", "sts:AssumeRole")

	var many []string
	for i := range 51 {
		many = append(many, fmt.Sprintf("k%d=v", i))
	}
	var large []string
	for i := range 20 {
		large = append(large, fmt.Sprintf("k%d=%s", i, strings.Repeat("v", 256)))
	}
	root := h.root()
	for what, c := range map[string]struct {
		tags       []types.Tag
		transitive []string
		code, text string
	}{
		"twice":         {tagsOf("team=a", "Team=b"), nil, "InvalidParameterValue", "Duplicate tag keys found"},
		"reserved":      {tagsOf("aws:team=a"), nil, "InvalidParameterValue", "reserved"},
		"not asked for": {tagsOf("team=a"), []string{"floor"}, "InvalidParameterValue", "must be included in the requested tags: floor"},
		"a long key":    {tagsOf(strings.Repeat("k", 129) + "=v"), nil, "ValidationError", "less than or equal to 128"},
		"a bad value":   {tagsOf("team=a*b"), nil, "ValidationError", "regular expression pattern"},
		"too many":      {tagsOf(many...), nil, "ValidationError", "less than or equal to 50"},
		"too large":     {tagsOf(large...), nil, "PackedPolicyTooLarge", "session policies and tags"},
	} {
		_, err := assume(root, third, c.tags, c.transitive...)
		fails(t, err, c.code, c.text)
		if err == nil {
			t.Error(what)
		}
	}
	full := must(assume(root, third, tagsOf(append(large[:15:15], "team=red")...)))
	mayAsk(t, "as many as there may be", full, true)
}

func TestFederationTags(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.mustUser(t, "ada", "sts:GetFederationToken")
	in := &client.GetFederationTokenInput{Name: new("guest"), Tags: tagsOf("team=red"), PolicyArns: []types.PolicyDescriptorType{{Arn: new("arn:aws:iam::aws:policy/AdministratorAccess")}}}
	_, err := ada.GetFederationToken(t.Context(), in)
	fails(t, err, "AccessDenied", "sts:TagSession on resource: arn:aws:sts::000000000000:federated-user/guest")
	user := iam.Entity{Kind: iam.UserEntity, Name: "ada"}
	err = h.iam.PutInlinePolicy(h.ctx, user, "more", `{"Version":"2012-10-17","Statement":[`+forRed+`,{"Effect":"Allow","Action":"sts:TagSession","Resource":"*"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.iam.TagEntity(h.ctx, user, []iam.Tag{{Key: "team", Value: "green"}}); err != nil {
		t.Fatal(err)
	}
	mayAsk(t, "the user", ada, false)
	for team, want := range map[string]bool{"red": true, "blue": false} {
		in.Tags = tagsOf("team=" + team)
		out, err := ada.GetFederationToken(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		mayAsk(t, team, h.with(out.Credentials), want)
	}
	in.Tags = nil
	if err := h.iam.TagEntity(h.ctx, user, []iam.Tag{{Key: "team", Value: "red"}}); err != nil {
		t.Fatal(err)
	}
	out, err := ada.GetFederationToken(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	mayAsk(t, "the user's own tag", h.with(out.Credentials), true)
}
