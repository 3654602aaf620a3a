package blobtest

import (
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
)

func testBuckets(t *testing.T, f *fixture) {
	for _, name := range []string{"zebra", "alpha.beta", "abc"} {
		if err := f.CreateBucket(f.ctx, name, "us-east-1"); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, f.CreateBucket(f.ctx, "abc", "us-east-1"), blob.CodeBucketAlreadyOwnedByYou)
	infos, err := f.Buckets(f.ctx)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range infos {
		names = append(names, i.Name)
		if age := time.Since(i.Created); age < -time.Minute || age > time.Hour {
			t.Errorf("bucket %s was created %v ago", i.Name, age)
		}
	}
	if got := strings.Join(names, " "); got != "abc alpha.beta test-bucket zebra" {
		t.Errorf("buckets are %s", got)
	}
	info, err := f.Bucket(f.ctx, bucket)
	if err != nil || info.Name != bucket || info.Region != "eu-west-1" {
		t.Errorf("bucket is %+v, %v", info, err)
	}
	_, err = f.Bucket(f.ctx, "absent")
	wantCode(t, err, blob.CodeNoSuchBucket)
}

func testBucketNames(t *testing.T, f *fixture) {
	bad := []string{
		"", "ab", strings.Repeat("a", 64), "Upper", "under_score", "-begin", "end-", ".begin", "end.", "two..dots",
		"192.168.0.1", "xn--bucket", "some-s3alias", "a/b", "..", "a b", "bücket", "nul\x00byte",
	}
	for _, name := range bad {
		wantCode(t, f.CreateBucket(f.ctx, name, ""), blob.CodeInvalidBucketName)
	}
	for _, name := range []string{"abc", strings.Repeat("a", 63), "1.2.3", "192.168.0.256", "a-b.c-d"} {
		if err := f.CreateBucket(f.ctx, name, ""); err != nil {
			t.Errorf("create %q: %v", name, err)
		}
	}
}

func testDeleteBucket(t *testing.T, f *fixture) {
	wantCode(t, f.DeleteBucket(f.ctx, "absent"), blob.CodeNoSuchBucket)
	f.mustPut(t, "deep/down/key", "x")
	wantCode(t, f.DeleteBucket(f.ctx, bucket), blob.CodeBucketNotEmpty)
	if got := f.mustGet(t, "deep/down/key"); got != "x" {
		t.Fatalf("the object is %q", got)
	}
	if err := f.Delete(f.ctx, bucket, "deep/down/key"); err != nil {
		t.Fatal(err)
	}
	up, err := f.CreateUpload(f.ctx, bucket, "never-completed", blob.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.DeleteBucket(f.ctx, bucket); err != nil {
		t.Fatal(err)
	}
	_, err = f.Put(f.ctx, bucket, "key", strings.NewReader("x"), blob.PutOptions{})
	wantCode(t, err, blob.CodeNoSuchBucket)
	_, err = f.List(f.ctx, bucket, blob.ListOptions{})
	wantCode(t, err, blob.CodeNoSuchBucket)
	wantCode(t, f.Delete(f.ctx, bucket, "key"), blob.CodeNoSuchBucket)
	wantCode(t, f.DeleteBucket(f.ctx, bucket), blob.CodeNoSuchBucket)

	if err := f.CreateBucket(f.ctx, bucket, ""); err != nil {
		t.Fatal(err)
	}
	if page := f.mustList(t, blob.ListOptions{}); len(page.Objects) != 0 {
		t.Errorf("the new bucket holds %v", page.Objects)
	}
	_, err = f.ListParts(f.ctx, up.UploadRef, 0, 0)
	wantCode(t, err, blob.CodeNoSuchUpload)
}

func testWebsite(t *testing.T, f *fixture) {
	_, err := f.Website(f.ctx, bucket)
	wantCode(t, err, blob.CodeNoSuchWebsite)
	_, err = f.Website(f.ctx, "absent")
	wantCode(t, err, blob.CodeNoSuchBucket)
	wantCode(t, f.SetWebsite(f.ctx, "absent", blob.Website{Index: "index.html"}), blob.CodeNoSuchBucket)
	for _, index := range []string{"", "a/b"} {
		wantCode(t, f.SetWebsite(f.ctx, bucket, blob.Website{Index: index}), blob.CodeInvalidArgument)
	}
	for _, site := range []blob.Website{{Index: "index.html", Error: "errors/404.html"}, {Index: "home"}} {
		if err := f.SetWebsite(f.ctx, bucket, site); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Website(f.ctx, bucket); err != nil || got != site {
			t.Errorf("website is %+v, %v; want %+v", got, err, site)
		}
	}
	for range 2 {
		if err := f.DeleteWebsite(f.ctx, bucket); err != nil {
			t.Fatal(err)
		}
		_, err = f.Website(f.ctx, bucket)
		wantCode(t, err, blob.CodeNoSuchWebsite)
	}
}

func testBucketPolicy(t *testing.T, f *fixture) {
	_, err := f.BucketPolicy(f.ctx, bucket)
	wantCode(t, err, blob.CodeNoSuchPolicy)
	_, err = f.BucketPolicy(f.ctx, "absent")
	wantCode(t, err, blob.CodeNoSuchBucket)
	wantCode(t, f.SetBucketPolicy(f.ctx, "absent", "{}"), blob.CodeNoSuchBucket)
	wantCode(t, f.DeleteBucketPolicy(f.ctx, "absent"), blob.CodeNoSuchBucket)
	if err := f.SetWebsite(f.ctx, bucket, blob.Website{Index: "home"}); err != nil {
		t.Fatal(err)
	}
	for _, policy := range []string{"{ \"é\": \"\\n\" }", "{}"} {
		if err := f.SetBucketPolicy(f.ctx, bucket, policy); err != nil {
			t.Fatal(err)
		}
		if got, err := f.BucketPolicy(f.ctx, bucket); err != nil || got != policy {
			t.Errorf("the policy is %q, %v; want %q", got, err, policy)
		}
	}
	for range 2 {
		if err := f.DeleteBucketPolicy(f.ctx, bucket); err != nil {
			t.Fatal(err)
		}
		_, err = f.BucketPolicy(f.ctx, bucket)
		wantCode(t, err, blob.CodeNoSuchPolicy)
	}
	if site, err := f.Website(f.ctx, bucket); err != nil || site.Index != "home" {
		t.Errorf("the website beside it is %+v, %v", site, err)
	}
}
