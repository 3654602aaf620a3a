package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/awsapi/iamapi"
	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/keyring"
	"github.com/heliograph/heliograph/internal/store"
)

// accessServer is the IAM API over a real database, with the root key that it
// takes in a data directory.
func accessServer(t *testing.T) (url, data string) {
	t.Helper()
	data = t.TempDir()
	key, _, err := iam.LoadOrCreateRootKey(data, "", "")
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), filepath.Join(data, "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	ring, err := keyring.Open(t.Context(), data, keyring.Source{})
	if err != nil {
		t.Fatal(err)
	}
	service, err := iam.New(iam.Config{RootKey: key, AccountID: "000000000000", Region: "us-east-1", DB: db, Keyring: ring})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(wire.NewRouter(wire.RouterOptions{Verifier: service, S3: http.NotFoundHandler(),
		Query: map[string]http.Handler{"iam/" + iamapi.Version: iamapi.New(service, wire.Options{})}}))
	t.Cleanup(server.Close)
	return server.URL, data
}

// TestAccess goes through the life of a user, a group, a role and policies.
func TestAccess(t *testing.T) {
	url, data := accessServer(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	read := file("read.json", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::data/*"}]}`)
	write := file("write.json", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::data/*"}]}`)
	open := file("open.json", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/team/ann"},"Action":"s3:DeleteObject","Resource":"arn:aws:s3:::data/*"}]}`)
	empty := file("empty.json", "\n")
	bad := file("bad.json", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject"}]}`)
	do := func(args ...string) string {
		root := newRootCommand()
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&out)
		root.SetArgs(append(args, "--control", url, "--data", data))
		if err := root.ExecuteContext(t.Context()); err != nil {
			return out.String() + "error: " + describe(err)
		}
		return out.String()
	}
	for _, step := range []struct{ args, out string }{
		{"user list", "There are no users."},
		{"user create ann --path /team/ --tag team=support", "arn:aws:iam::000000000000:user/team/ann is created."},
		{"user create ann", "error: User with name ann already exists. .EntityAlreadyExists."},
		{"user create bob --tag oops", "error: the tag \"oops\" is not of the form KEY=VALUE"},
		{"user create bob --boundary Nothing", "error: there is no policy Nothing; see heliograph policy list"},
		{"user list", `ann +AIDA[A-Z2-7]{17} +2\S+Z +arn:aws:iam::000000000000:user/team/ann`},
		{"key list --user ann", "There are no keys."},
		{"key list", "error: Must specify userName when calling with non-User credentials"},
		{"key create --user ann", `AWS_ACCESS_KEY_ID=AKIA[A-Z2-7]{16}\n  AWS_SECRET_ACCESS_KEY=\S{40}\n`},
		{"key list --user ann", `AKIA\S+ +ann +active +2\S+Z +never`},
		{"group create crew", "group/crew is created."},
		{"group add crew ann", "User ann is in group crew."},
		{"group add crew ghost", "error: The user with name ghost cannot be found."},
		{"policy create reader " + read + " --description reads", "arn:aws:iam::000000000000:policy/reader is created."},
		{"policy create reader2 " + bad, "error: .*MalformedPolicyDocument"},
		{"policy create reader2 " + empty, "error: .*empty.json is empty"},
		{"policy create reader2 " + dir + "/none.json", "error: .*no such file"},
		{"policy attach reader --group crew", "The group crew now has arn:aws:iam::000000000000:policy/reader."},
		{"policy attach reader", "error: at least one of the flags in the group .user group role. is required"},
		{"policy put own " + write + " --user ann", "The user ann has the policy own."},
		{"policy show own --user ann", `"s3:PutObject"`},
		{"policy simulate s3:GetObject s3:PutObject --user ann --resource arn:aws:s3:::data/x", `s3:GetObject +\S+ +allowed +reader line 1\ns3:PutObject +\S+ +allowed +own line 1\n$`},
		{"policy simulate s3:DeleteObject --user ann", `s3:DeleteObject +\* +implicitDeny +no statement allows it\nerror: exit status 1`},
		{"policy simulate s3:DeleteObject --user ann --resource arn:aws:s3:::data/x --resource-policy " + open, `s3:DeleteObject +\S+ +allowed +\S+ line 1\n$`},
		{"policy boundary AmazonS3ReadOnlyAccess --user ann", "The user ann may do no more than arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess allows."},
		{"policy simulate s3:PutObject --user ann --resource arn:aws:s3:::data/x", `implicitDeny +own line 1; the permissions boundary does not allow it`},
		{"user show ann", `(?s)Boundary +arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess\nTags +team=support\nGroups +crew\nPolicies +inline:own\nKeys +AKIA\S+ \(active, since`},
		{"policy boundary none --user ann", "The user ann has no permissions boundary."},
		{"group show crew", `(?s)Users +ann\nPolicies +arn:aws:iam::000000000000:policy/reader\n`},
		{"policy list --own", `reader +v1 +1 +arn:aws:iam::000000000000:policy/reader +reads`},
		{"policy list", "AdministratorAccess"},
		{"policy update reader " + write, "arn:aws:iam::000000000000:policy/reader is at version v2."},
		{"policy update reader " + read, "version v3"}, {"policy update reader " + write, "version v4"},
		{"policy update reader " + read, "version v5"}, {"policy update reader " + write, "version v6"},
		{"policy show reader --version v1", "error: .*v1 does not exist"},
		{"policy show reader", "s3:PutObject"},
		{"policy delete reader", "error: .*has 1 uses; detach it first"},
		{"role create trainer --service sagemaker.amazonaws.com --max-session 2h", "role/trainer is created."},
		{"role create other", "error: at least one of the flags"},
		{"role create other --principal arn:aws:iam::000000000000:user/ghost", "error: Invalid principal in policy"},
		{"role trust trainer --principal arn:aws:iam::000000000000:user/team/ann", "Role trainer has a new trust policy."},
		{"role update trainer --description Trains", "Role trainer is changed."},
		{"policy attach AmazonS3FullAccess --role trainer", "The role trainer now has"},
		{"role show trainer", `(?s)Max session +2h0m0s\nDescription +Trains\nPolicies +arn:aws:iam::aws:policy/AmazonS3FullAccess\nTrust policy +\{.*user/team/ann`},
		{"role list", `trainer +2h0m0s +arn:aws:iam::000000000000:role/trainer +Trains`},
		{"role delete trainer", "error: Cannot delete entity, must detach all policies first."},
		{"role delete trainer --force", "Role trainer is deleted."},
		{"role delete SageMakerRole --force", "error: .*protected role"},
		{"role show SageMakerRole", "Policies +arn:aws:iam::aws:policy/AmazonS3FullAccess"},
		{"user update ann --name anna", "User ann is changed."},
		{"key rotate --user anna", "A key of anna was made."},
		{"key rotate --user anna", "error: Cannot exceed quota for AccessKeysPerUser: 2"},
		{"user delete anna", "error: Cannot delete entity"},
		{"user delete anna --force", "User anna is deleted."},
		{"group delete crew --force", "Group crew is deleted."},
		{"policy delete reader", "policy/reader is deleted."},
		{"user show", "error: Must specify userName"},
	} {
		if got := do(strings.Fields(step.args)...); !regexp.MustCompile(step.out).MatchString(got) {
			t.Errorf("%s: got\n%s\nwant %s", step.args, got, step.out)
		}
	}

	// A disabled key is replaced by rotation, and JSON is what the aws command prints.
	do("user", "create", "eve")
	var made struct{ AccessKey iamapi.AccessKey }
	if err := json.Unmarshal([]byte(do("key", "create", "--user", "eve", "--json")), &made); err != nil {
		t.Fatal(err)
	}
	do("key", "rotate", "--user", "eve")
	if got := do("key", "disable", made.AccessKey.AccessKeyID); got != "Key "+made.AccessKey.AccessKeyID+" is disabled.\n" {
		t.Errorf("disable: %s", got)
	}
	if got := do("key", "delete", "AKIANOBODYNOBODY0000"); !strings.Contains(got, "The Access Key with id AKIANOBODYNOBODY0000 cannot be found.") {
		t.Errorf("delete: %s", got)
	}
	if got := do("key", "rotate", "--user", "eve"); !strings.HasPrefix(got, "The disabled key "+made.AccessKey.AccessKeyID+" is deleted.\n") {
		t.Errorf("rotate: %s", got)
	}
	var role struct {
		Role struct {
			AssumeRolePolicyDocument struct{ Statement []struct{ Action string } }
		}
	}
	if err := json.Unmarshal([]byte(do("role", "show", "SageMakerRole", "--json")), &role); err != nil || role.Role.AssumeRolePolicyDocument.Statement[0].Action != "sts:AssumeRole" {
		t.Errorf("role as JSON: %+v, %v", role, err)
	}
	// What may be done to one's own keys needs no right to look at others'.
	do("user", "create", "pat", "--path", "/p/")
	if err := json.Unmarshal([]byte(do("key", "create", "--user", "pat", "--json")), &made); err != nil {
		t.Fatal(err)
	}
	do("policy", "put", "keys", file("keys.json", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:UpdateAccessKey","Resource":"arn:aws:iam::*:user/p/${aws:username}"}]}`), "--user", "pat")
	t.Setenv("AWS_ACCESS_KEY_ID", made.AccessKey.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", made.AccessKey.SecretAccessKey)
	if got := do("user", "list"); !strings.Contains(got, "user/p/pat is not authorized to perform: iam:ListUsers") {
		t.Errorf("without the right: %s", got)
	}
	if got := do("key", "disable", made.AccessKey.AccessKeyID); got != "Key "+made.AccessKey.AccessKeyID+" is disabled.\n" {
		t.Errorf("disable one's own: %s", got)
	}
	if got := do("user", "list"); !strings.Contains(got, "InvalidClientTokenId") {
		t.Errorf("with a disabled key: %s", got)
	}
}
