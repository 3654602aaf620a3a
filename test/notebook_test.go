//go:build e2e

package test

import (
	"encoding/xml"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

const (
	notebookAccount = "000000000000"
	notebookRegion  = "us-west-2" // the region of image_uris' account below
	notebookARN     = "arn:aws:sagemaker:" + notebookRegion + ":" + notebookAccount + ":"
	notebookImage   = "433757028032.dkr.ecr.us-west-2.amazonaws.com/blazingtext:1"
	notebookBucket  = "sagemaker-" + notebookRegion + "-" + notebookAccount
	notebookRole    = "arn:aws:iam::" + notebookAccount + ":role/SageMakerRole"
)

// TestNotebook replays a notebook call by call: the classic one of text
// classification, then tuning, batch transform and the other kinds of endpoints.
// Each step fails by itself, if what the SDK reads of an answer isn't in it.
func TestNotebook(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve", "--region", notebookRegion)
	n := notebook{t, s.control, notebookRegion}
	run := func(name string, step func(n notebook)) {
		if !t.Run(name, func(t *testing.T) { step(notebook{t, s.control, notebookRegion}) }) {
			t.FailNow() // the next steps need this one
		}
	}
	run("Session", notebook.session)
	train, validation := ontologyFiles(t)
	run("upload_data", func(n notebook) { n.upload(train, validation) })

	const job = "blazingtext-2026-11-22-14-07-29-710"
	run("fit", func(n notebook) { n.fit(job) })
	run("fit with options", notebook.fitWithOptions)
	run("analytics", func(n notebook) { n.analytics(job) })
	run("attach", func(n notebook) { n.attach(job) })
	const endpoint = "blazingtext-2026-11-22-14-09-01-123"
	run("deploy", func(n notebook) { n.deploy(job, endpoint) })
	run("predict", func(n notebook) { n.predict(endpoint) })
	run("update_endpoint", func(n notebook) { n.update(endpoint, "blazingtext-2026-11-22-14-12-44-001") })
	run("transformer", func(n notebook) { n.transform(job) })
	run("tuner", notebook.tune)
	run("serverless", func(n notebook) { n.serverless(endpoint) })
	run("async", func(n notebook) { n.async(endpoint) })
	run("delete", func(n notebook) { n.remove(endpoint, "blazingtext-2026-11-22-14-12-44-001") })

	// Without endpoints the lists are empty, and not null.
	n.reads("ListEndpoints", n.call("ListEndpoints", `{}`), "Endpoints", `\[\]`)
}

// session is get_execution_role and default_bucket.
func (n notebook) session() {
	var caller struct {
		Result struct{ Arn, UserId, Account string } `xml:"GetCallerIdentityResult"`
	}
	n.query("sts", "Action=GetCallerIdentity&Version=2011-06-15", &caller)
	// get_execution_role wants an assumed role, and makes the role's ARN of it.
	parts := strings.Split(caller.Result.Arn, "/")
	if len(parts) != 3 || parts[0] != "arn:aws:sts::"+notebookAccount+":assumed-role" || caller.Result.Account != notebookAccount {
		n.Fatalf("the caller is %+v", caller.Result)
	}
	var role struct {
		Result struct {
			Role struct{ Arn, RoleName, Path string }
		} `xml:"GetRoleResult"`
	}
	n.query("iam", "Action=GetRole&Version=2010-05-08&RoleName="+parts[1], &role)
	if role.Result.Role.Arn != notebookRole {
		n.Fatalf("the role is %+v", role.Result.Role)
	}
	// IAM is global: some versions sign for us-east-1, wherever they are.
	notebook{n.T, n.control, "us-east-1"}.query("iam", "Action=GetRole&Version=2010-05-08&RoleName="+parts[1], &role)

	// default_bucket: the SDK compares code and message of HEAD, which come from an empty body.
	listed := struct {
		Buckets []struct{ Name, CreationDate string } `xml:"Buckets>Bucket"`
	}{}
	list := func() {
		n.Helper()
		res, body := n.send("GET", "s3", "/", nil, "")
		if err := xml.Unmarshal([]byte(body), &listed); res.StatusCode != 200 || err != nil {
			n.Fatalf("ListBuckets: %d %s (%v)", res.StatusCode, body, err)
		}
	}
	if list(); len(listed.Buckets) != 0 {
		n.Errorf("there are buckets: %v", listed.Buckets)
	}
	owner := map[string]string{"X-Amz-Expected-Bucket-Owner": notebookAccount}
	if res, body := n.send("HEAD", "s3", "/"+notebookBucket, owner, ""); res.StatusCode != 404 || body != "" {
		n.Fatalf("HEAD of no bucket: %d %q", res.StatusCode, body)
	}
	create := `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>` + notebookRegion + `</LocationConstraint></CreateBucketConfiguration>`
	if res, body := n.send("PUT", "s3", "/"+notebookBucket, nil, create); res.StatusCode != 200 {
		n.Fatalf("CreateBucket: %d %s", res.StatusCode, body)
	}
	if res, _ := n.send("HEAD", "s3", "/"+notebookBucket, owner, ""); res.StatusCode != 200 {
		n.Errorf("HEAD of the bucket: %d", res.StatusCode)
	}
	if res, body := n.send("HEAD", "s3", "/"+notebookBucket, map[string]string{"X-Amz-Expected-Bucket-Owner": "111111111111"}, ""); res.StatusCode != 403 || body != "" {
		n.Errorf("HEAD of someone else's bucket: %d %q", res.StatusCode, body)
	}
	if list(); len(listed.Buckets) != 1 || listed.Buckets[0].Name != notebookBucket || listed.Buckets[0].CreationDate == "" {
		n.Errorf("the buckets are %v", listed.Buckets)
	}
}

// upload is upload_data: one file at once and, as s3transfer does from 8 MB on, one in parts.
func (n notebook) upload(train, validation string) {
	n.put("/"+notebookBucket+"/blazingtext/train/dbpedia.train", notebookAccount, must(os.ReadFile(train)))
	n.put("/"+notebookBucket+"/blazingtext/validation/dbpedia.validation", notebookAccount, must(os.ReadFile(validation)))

	line := []byte("__label__Animal a moth of the family\n")
	large := slices.Repeat(line, 9<<20/len(line))
	path := "/" + notebookBucket + "/large/part"
	var created struct{ UploadId string }
	res, body := n.send("POST", "s3", path+"?uploads=", map[string]string{"X-Amz-Checksum-Algorithm": "CRC32", "X-Amz-Expected-Bucket-Owner": notebookAccount}, "")
	if err := xml.Unmarshal([]byte(body), &created); res.StatusCode != 200 || err != nil {
		n.Fatalf("CreateMultipartUpload: %d %s (%v)", res.StatusCode, body, err)
	}
	var complete strings.Builder
	for i, part := range [][]byte{large[:8<<20], large[8<<20:]} {
		res, body := n.send("PUT", "s3", fmt.Sprintf("%s?partNumber=%d&uploadId=%s", path, i+1, created.UploadId),
			map[string]string{"X-Amz-Checksum-Crc32": crc(part), "X-Amz-Sdk-Checksum-Algorithm": "CRC32", "Expect": "100-continue", "X-Amz-Expected-Bucket-Owner": notebookAccount}, string(part))
		if res.StatusCode != 200 || res.Header.Get("Etag") == "" {
			n.Fatalf("UploadPart: %d %s", res.StatusCode, body)
		}
		fmt.Fprintf(&complete, "<Part><ETag>%s</ETag><ChecksumCRC32>%s</ChecksumCRC32><PartNumber>%d</PartNumber></Part>", res.Header.Get("Etag"), crc(part), i+1)
	}
	res, body = n.send("POST", "s3", path+"?uploadId="+created.UploadId, map[string]string{"X-Amz-Expected-Bucket-Owner": notebookAccount},
		`<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`+complete.String()+`</CompleteMultipartUpload>`)
	if res.StatusCode != 200 || !strings.Contains(body, "<CompleteMultipartUploadResult") {
		n.Fatalf("CompleteMultipartUpload: %d %s", res.StatusCode, body)
	}
	if n.object(path) != string(large) {
		n.Error("the object that was uploaded in parts is another")
	}
}
