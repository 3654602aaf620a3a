package s3_test

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestSDK walks through every operation with the AWS SDK, over http and https
// (whose uploads differ in form) and with both ways to address a bucket.
func TestSDK(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		opts        []option
		virtualHost bool
	}{
		{"http, path", nil, false}, {"http, virtual host", nil, true},
		{"https, path", []option{withTLS}, false}, {"https, virtual host", []option{withTLS}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, tt.opts...)
			j := &journey{T: t, server: s, Client: s.client(t, tt.virtualHost)}
			for _, step := range []func(*journey){
				(*journey).buckets, (*journey).objects, (*journey).checksums, (*journey).conditions, (*journey).copies, (*journey).lists,
				(*journey).multipart, (*journey).website, (*journey).deletes,
			} {
				step(j)
			}
			if https := tt.opts != nil; https != s.payload["STREAMING-UNSIGNED-PAYLOAD-TRAILER"] {
				t.Errorf("bodies came as %v", s.payload)
			}
			if got := s.log.String(); got != "" {
				t.Errorf("the log says %s", got)
			}
		})
	}
}

type journey struct {
	*testing.T
	*sdk.Client
	server *server
}

var data = aws.String("data-bucket")

// must fails the test if a call did.
func must[T any](out T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func (j *journey) buckets() {
	ctx := j.Context()
	_, err := j.HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: data})
	wantCode(j.T, err, "NotFound")
	create := &sdk.CreateBucketInput{Bucket: data, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "us-west-2"}}
	must(j.CreateBucket(ctx, create))(j.T)
	_, err = j.CreateBucket(ctx, create)
	wantCode(j.T, err, "BucketAlreadyOwnedByYou")
	_, err = j.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: aws.String("elsewhere"), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}})
	wantCode(j.T, err, "IllegalLocationConstraintException")
	must(j.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: aws.String("dotted.bucket")}))(j.T)

	list := must(j.ListBuckets(ctx, &sdk.ListBucketsInput{}))(j.T)
	if len(list.Buckets) != 2 || *list.Buckets[0].Name != *data || time.Since(*list.Buckets[0].CreationDate) > time.Minute || *list.Owner.ID != "111122223333" {
		j.Errorf("buckets are %+v", list.Buckets)
	}
	page := must(j.ListBuckets(ctx, &sdk.ListBucketsInput{MaxBuckets: aws.Int32(1)}))(j.T)
	page = must(j.ListBuckets(ctx, &sdk.ListBucketsInput{MaxBuckets: aws.Int32(1), ContinuationToken: page.ContinuationToken}))(j.T)
	if len(page.Buckets) != 1 || *page.Buckets[0].Name != "dotted.bucket" || page.ContinuationToken != nil {
		j.Errorf("the second page of buckets is %+v", page)
	}
	head := must(j.HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: data, ExpectedBucketOwner: aws.String("111122223333")}))(j.T)
	if aws.ToString(head.BucketRegion) != "us-west-2" {
		j.Errorf("the region is %s", aws.ToString(head.BucketRegion))
	}
	_, err = j.HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: data, ExpectedBucketOwner: aws.String("999999999999")})
	wantCode(j.T, err, "Forbidden")
	if loc := must(j.GetBucketLocation(ctx, &sdk.GetBucketLocationInput{Bucket: data}))(j.T); loc.LocationConstraint != "us-west-2" {
		j.Errorf("the location is %q", loc.LocationConstraint)
	}
	if v := must(j.GetBucketVersioning(ctx, &sdk.GetBucketVersioningInput{Bucket: data}))(j.T); v.Status != "" {
		j.Errorf("versioning is %q", v.Status)
	}
	if acl := must(j.GetBucketAcl(ctx, &sdk.GetBucketAclInput{Bucket: data}))(j.T); len(acl.Grants) != 1 || acl.Grants[0].Permission != "FULL_CONTROL" || *acl.Grants[0].Grantee.ID != "111122223333" {
		j.Errorf("the ACL is %+v", acl.Grants)
	}
	_, err = j.GetBucketCors(ctx, &sdk.GetBucketCorsInput{Bucket: data})
	wantCode(j.T, err, "NotImplemented")
	must(j.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: aws.String("dotted.bucket")}))(j.T)
	_, err = j.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: aws.String("dotted.bucket")})
	wantCode(j.T, err, "NoSuchBucket")
}

func (j *journey) mustGet(key string) string {
	j.Helper()
	out := must(j.GetObject(j.Context(), &sdk.GetObjectInput{Bucket: data, Key: &key, ChecksumMode: "ENABLED"}))(j.T)
	b, err := io.ReadAll(out.Body)
	if err != nil {
		j.Fatal(err)
	}
	out.Body.Close()
	return string(b)
}

func (j *journey) mustPut(key, content string) *sdk.PutObjectOutput {
	j.Helper()
	return must(j.PutObject(j.Context(), &sdk.PutObjectInput{Bucket: data, Key: &key, Body: strings.NewReader(content)}))(j.T)
}

func (j *journey) objects() {
	ctx := j.Context()
	in := &sdk.PutObjectInput{
		Bucket: data, Key: aws.String("folder/Grüße & more+%2F?.txt"), Body: strings.NewReader("content"),
		ContentType: aws.String("text/plain"), ContentEncoding: aws.String("gzip"), CacheControl: aws.String("max-age=5"), ContentLanguage: aws.String("de"),
		ContentDisposition: aws.String("inline"), Metadata: map[string]string{"mixedcase": "A value", "n": "2"},
	}
	put := must(j.PutObject(ctx, in))(j.T)
	etag := fmt.Sprintf(`"%x"`, md5.Sum([]byte("content")))
	if *put.ETag != etag {
		j.Errorf("the ETag is %s, want %s", *put.ETag, etag)
	}
	head := must(j.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: data, Key: in.Key}))(j.T)
	if *head.ETag != etag || *head.ContentLength != 7 || *head.ContentType != "text/plain" || *head.ContentEncoding != "gzip" || *head.CacheControl != "max-age=5" ||
		*head.ContentLanguage != "de" || *head.ContentDisposition != "inline" || !maps.Equal(head.Metadata, in.Metadata) || time.Since(*head.LastModified) > time.Minute {
		j.Errorf("head says %+v", head)
	}
	get := must(j.GetObject(ctx, &sdk.GetObjectInput{Bucket: data, Key: in.Key, Range: aws.String("bytes=-4"), ResponseContentType: aws.String("a/b")}))(j.T)
	if b, _ := io.ReadAll(get.Body); string(b) != "tent" || *get.ContentRange != "bytes 3-6/7" || *get.ContentType != "a/b" {
		j.Errorf("the range is %q, %s, %s", b, *get.ContentRange, *get.ContentType)
	}
	_, err := j.GetObject(ctx, &sdk.GetObjectInput{Bucket: data, Key: in.Key, Range: aws.String("bytes=7-")})
	wantCode(j.T, err, "InvalidRange")
	_, err = j.GetObject(ctx, &sdk.GetObjectInput{Bucket: data, Key: aws.String("absent")})
	if _, ok := errors.AsType[*types.NoSuchKey](err); !ok {
		j.Errorf("reading an absent key: %v", err)
	}
	_, err = j.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: data, Key: aws.String("absent")})
	wantCode(j.T, err, "NotFound")
	_, err = j.GetObject(ctx, &sdk.GetObjectInput{Bucket: aws.String("absent"), Key: in.Key})
	wantCode(j.T, err, "NoSuchBucket")
	for _, key := range []string{"a//b", "../x", "trailing/", "a b+c", "ключ", "a%20b", "#", "x;y=z"} {
		j.mustPut(key, "content of "+key)
		if got := j.mustGet(key); got != "content of "+key || j.server.content(j.T, *data, key) != got {
			j.Errorf("%q holds %q", key, got)
		}
	}
	if tags := must(j.GetObjectTagging(ctx, &sdk.GetObjectTaggingInput{Bucket: data, Key: aws.String("ключ")}))(j.T); len(tags.TagSet) != 0 {
		j.Errorf("tags are %v", tags.TagSet)
	}
	_, err = j.PutObject(ctx, &sdk.PutObjectInput{Bucket: data, Key: in.Key, Body: strings.NewReader("x"), ServerSideEncryption: "aws:kms"})
	wantCode(j.T, err, "NotImplemented")
	_, err = j.PutObject(ctx, &sdk.PutObjectInput{Bucket: data, Key: in.Key, Body: strings.NewReader("x"), ACL: "public-read"})
	wantCode(j.T, err, "AccessControlListNotSupported")
}

func (j *journey) checksums() {
	ctx := j.Context()
	content := random(300_000, 5)
	for _, algorithm := range []types.ChecksumAlgorithm{"CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"} {
		key := "sum/" + string(algorithm)
		put := must(j.PutObject(ctx, &sdk.PutObjectInput{Bucket: data, Key: &key, Body: bytes.NewReader(content), ChecksumAlgorithm: algorithm}))(j.T)
		head := must(j.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: data, Key: &key, ChecksumMode: "ENABLED"}))(j.T)
		sums := map[types.ChecksumAlgorithm][2]*string{
			"CRC32": {put.ChecksumCRC32, head.ChecksumCRC32}, "CRC32C": {put.ChecksumCRC32C, head.ChecksumCRC32C}, "SHA1": {put.ChecksumSHA1, head.ChecksumSHA1},
			"SHA256": {put.ChecksumSHA256, head.ChecksumSHA256}, "CRC64NVME": {put.ChecksumCRC64NVME, head.ChecksumCRC64NVME},
		}[algorithm]
		if aws.ToString(sums[0]) == "" || aws.ToString(sums[0]) != aws.ToString(sums[1]) || head.ChecksumType != "FULL_OBJECT" {
			j.Errorf("%s: put says %s, head %s (%s)", algorithm, aws.ToString(sums[0]), aws.ToString(sums[1]), head.ChecksumType)
		}
		if got := j.mustGet(key); got != string(content) { // the SDK verifies
			j.Errorf("%s: %d bytes come back", algorithm, len(got))
		}
	}
	_, err := j.PutObject(ctx, &sdk.PutObjectInput{Bucket: data, Key: aws.String("sum/bad"), Body: bytes.NewReader(content), ChecksumCRC32: aws.String("AAAAAA==")})
	wantCode(j.T, err, "BadDigest")
	_, err = j.PutObject(ctx, &sdk.PutObjectInput{Bucket: data, Key: aws.String("sum/bad"), Body: bytes.NewReader(content), ContentMD5: aws.String("AAAAAAAAAAAAAAAAAAAAAA==")})
	wantCode(j.T, err, "BadDigest")
	_, err = j.PutObject(ctx, &sdk.PutObjectInput{Bucket: data, Key: aws.String("sum/bad"), Body: bytes.NewReader(content), ContentMD5: aws.String("nonsense")})
	wantCode(j.T, err, "InvalidDigest")
	_, err = j.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: data, Key: aws.String("sum/bad")})
	wantCode(j.T, err, "NotFound")
}

func (j *journey) conditions() {
	ctx := j.Context()
	key := aws.String("conditional")
	in := func(content string) *sdk.PutObjectInput {
		return &sdk.PutObjectInput{Bucket: data, Key: key, Body: strings.NewReader(content)}
	}
	create := in("one")
	create.IfNoneMatch = aws.String("*")
	one := must(j.PutObject(ctx, create))(j.T)
	create.Body = strings.NewReader("again")
	_, err := j.PutObject(ctx, create)
	wantCode(j.T, err, "PreconditionFailed")
	swap := in("two")
	swap.IfMatch = one.ETag
	two := must(j.PutObject(ctx, swap))(j.T)
	swap.Body = strings.NewReader("lost update")
	_, err = j.PutObject(ctx, swap)
	wantCode(j.T, err, "PreconditionFailed")

	_, err = j.GetObject(ctx, &sdk.GetObjectInput{Bucket: data, Key: key, IfMatch: one.ETag})
	wantCode(j.T, err, "PreconditionFailed")
	_, err = j.GetObject(ctx, &sdk.GetObjectInput{Bucket: data, Key: key, IfNoneMatch: two.ETag})
	if err == nil || !strings.Contains(err.Error(), "304") {
		j.Errorf("If-None-Match: %v", err)
	}
	hour := aws.Time(time.Now().Add(time.Hour))
	_, err = j.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: data, Key: key, IfModifiedSince: hour})
	if err == nil || !strings.Contains(err.Error(), "304") {
		j.Errorf("If-Modified-Since: %v", err)
	}
	_, err = j.GetObject(ctx, &sdk.GetObjectInput{Bucket: data, Key: key, IfUnmodifiedSince: aws.Time(time.Now().Add(-time.Hour))})
	wantCode(j.T, err, "PreconditionFailed")
	must(j.GetObject(ctx, &sdk.GetObjectInput{Bucket: data, Key: key, IfMatch: two.ETag, IfUnmodifiedSince: aws.Time(time.Now().Add(-time.Hour))}))(j.T)
	if got := j.mustGet(*key); got != "two" {
		j.Errorf("the object is %q", got)
	}
}

func (j *journey) copies() {
	ctx := j.Context()
	must(j.PutObject(ctx, &sdk.PutObjectInput{Bucket: data, Key: aws.String("from é+%"), Body: strings.NewReader("copied"), ContentType: aws.String("x/y"), Metadata: map[string]string{"a": "1"}}))(j.T)
	source := aws.String("data-bucket/from%20%C3%A9%2B%25")
	out := must(j.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: data, Key: aws.String("to/1"), CopySource: source}))(j.T)
	head := must(j.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: data, Key: aws.String("to/1")}))(j.T)
	if *out.CopyObjectResult.ETag != *head.ETag || *head.ContentType != "x/y" || head.Metadata["a"] != "1" || j.mustGet("to/1") != "copied" {
		j.Errorf("the copy is %+v", head)
	}
	must(j.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: data, Key: aws.String("to/2"), CopySource: source, MetadataDirective: "REPLACE", ContentType: aws.String("p/q"), ChecksumAlgorithm: "SHA256"}))(j.T)
	head = must(j.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: data, Key: aws.String("to/2"), ChecksumMode: "ENABLED"}))(j.T)
	if *head.ContentType != "p/q" || len(head.Metadata) != 0 || aws.ToString(head.ChecksumSHA256) == "" {
		j.Errorf("the copy with its own metadata is %+v", head)
	}
	for name, tt := range map[string]struct {
		in   sdk.CopyObjectInput
		code string
	}{
		"onto itself": {sdk.CopyObjectInput{Key: aws.String("from é+%"), CopySource: source}, "InvalidRequest"},
		"absent":      {sdk.CopyObjectInput{CopySource: aws.String("data-bucket/absent")}, "NoSuchKey"},
		"no bucket":   {sdk.CopyObjectInput{CopySource: aws.String("absent/absent")}, "NoSuchBucket"},
		"no key":      {sdk.CopyObjectInput{CopySource: aws.String("data-bucket")}, "InvalidArgument"},
		"a version":   {sdk.CopyObjectInput{CopySource: aws.String("data-bucket/to/1?versionId=abc")}, "NoSuchVersion"},
		"if-match":    {sdk.CopyObjectInput{CopySource: source, CopySourceIfMatch: aws.String("x")}, "PreconditionFailed"},
		"if-none":     {sdk.CopyObjectInput{CopySource: source, CopySourceIfNoneMatch: head.ETag}, "PreconditionFailed"},
		"if-modified": {sdk.CopyObjectInput{CopySource: source, CopySourceIfModifiedSince: aws.Time(time.Now().Add(time.Hour))}, "PreconditionFailed"},
		"exists":      {sdk.CopyObjectInput{Key: aws.String("to/1"), CopySource: source, IfNoneMatch: aws.String("*")}, "PreconditionFailed"},
	} {
		tt.in.Bucket = data
		if tt.in.Key == nil {
			tt.in.Key = aws.String("to/3")
		}
		if _, err := j.CopyObject(ctx, &tt.in); err == nil {
			j.Errorf("copy %s: no error", name)
		} else {
			wantCode(j.T, err, tt.code)
		}
	}
}

func (j *journey) lists() {
	ctx := j.Context()
	bucket := aws.String("list-bucket")
	must(j.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: bucket}))(j.T)
	var keys []string
	for i := range 7 {
		keys = append(keys, fmt.Sprintf("dir/sub%d/key %d&é", i%2, i), fmt.Sprintf("top%d", i))
	}
	slices.Sort(keys)
	for _, key := range keys {
		must(j.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader("x")}))(j.T)
	}
	var got []string
	for pages := sdk.NewListObjectsV2Paginator(j.Client, &sdk.ListObjectsV2Input{Bucket: bucket, MaxKeys: aws.Int32(3), FetchOwner: aws.Bool(true)}); pages.HasMorePages(); {
		page := must(pages.NextPage(ctx))(j.T)
		for _, o := range page.Contents {
			got = append(got, *o.Key)
			if *o.Size != 1 || o.StorageClass != "STANDARD" || *o.Owner.ID != "111122223333" || !slices.Contains(o.ChecksumAlgorithm, "CRC32") {
				j.Errorf("listed as %+v", o)
			}
		}
	}
	if !slices.Equal(got, keys) {
		j.Errorf("keys are %q, want %q", got, keys)
	}
	v2 := must(j.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("dir/"), Delimiter: aws.String("/"), StartAfter: aws.String("dir/sub0/")}))(j.T)
	if len(v2.Contents) != 0 || len(v2.CommonPrefixes) != 1 || *v2.CommonPrefixes[0].Prefix != "dir/sub1/" || *v2.KeyCount != 1 {
		j.Errorf("the folder holds %+v %+v", v2.Contents, v2.CommonPrefixes)
	}
	var items []string
	for marker := aws.String(""); marker != nil; {
		v1 := must(j.ListObjects(ctx, &sdk.ListObjectsInput{Bucket: bucket, Delimiter: aws.String("/"), Marker: marker, MaxKeys: aws.Int32(3), EncodingType: "url"}))(j.T)
		for _, p := range v1.CommonPrefixes {
			items = append(items, *p.Prefix)
		}
		for _, o := range v1.Contents {
			items = append(items, *o.Key)
		}
		if marker = v1.NextMarker; *v1.IsTruncated != (marker != nil) {
			j.Fatalf("truncated is %v, the next marker %v", *v1.IsTruncated, marker)
		}
	}
	if want := "dir/ top0 top1 top2 top3 top4 top5 top6"; strings.Join(items, " ") != want {
		j.Errorf("v1 lists %q", items)
	}
	encoded := must(j.ListObjects(ctx, &sdk.ListObjectsInput{Bucket: bucket, MaxKeys: aws.Int32(1), EncodingType: "url"}))(j.T)
	if *encoded.Contents[0].Key != "dir/sub0/key%200%26%C3%A9" {
		j.Errorf("encoded as %s", *encoded.Contents[0].Key)
	}
	none := must(j.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: bucket, MaxKeys: aws.Int32(0)}))(j.T)
	if len(none.Contents) != 0 || *none.IsTruncated {
		j.Errorf("a page of none is %+v", none)
	}
	versions := must(j.ListObjectVersions(ctx, &sdk.ListObjectVersionsInput{Bucket: bucket, MaxKeys: aws.Int32(2), KeyMarker: aws.String("top4")}))(j.T)
	if len(versions.Versions) != 2 || *versions.Versions[0].Key != "top5" || *versions.Versions[0].VersionId != "null" || !*versions.Versions[0].IsLatest || *versions.IsTruncated {
		j.Errorf("versions are %+v", versions.Versions)
	}
	_, err := j.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: bucket, ContinuationToken: aws.String("bogus!")})
	wantCode(j.T, err, "InvalidArgument")
	_, err = j.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: aws.String("absent")})
	wantCode(j.T, err, "NoSuchBucket")
}

func (j *journey) multipart() {
	ctx := j.Context()
	key := aws.String("big/é")
	up := must(j.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{Bucket: data, Key: key, ContentType: aws.String("m/p"), ChecksumAlgorithm: "CRC32"}))(j.T)
	if up.ChecksumAlgorithm != "CRC32" || up.ChecksumType != "COMPOSITE" {
		j.Errorf("the upload's checksum is %s, %s", up.ChecksumAlgorithm, up.ChecksumType)
	}
	contents := [][]byte{random(5<<20, 1), random(5<<20+3, 2), random(17, 3)}
	var parts []types.CompletedPart
	for i, content := range contents[:2] {
		part := must(j.UploadPart(ctx, &sdk.UploadPartInput{Bucket: data, Key: key, UploadId: up.UploadId, PartNumber: aws.Int32(int32(i + 1)), Body: bytes.NewReader(content), ChecksumAlgorithm: "CRC32"}))(j.T)
		parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32})
	}
	j.mustPut("source", "0123456789"+string(contents[2])+"!")
	copied := must(j.UploadPartCopy(ctx, &sdk.UploadPartCopyInput{Bucket: data, Key: key, UploadId: up.UploadId, PartNumber: aws.Int32(3), CopySource: aws.String("data-bucket/source"), CopySourceRange: aws.String("bytes=10-26")}))(j.T)
	parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(3), ETag: copied.CopyPartResult.ETag, ChecksumCRC32: copied.CopyPartResult.ChecksumCRC32})
	_, err := j.UploadPartCopy(ctx, &sdk.UploadPartCopyInput{Bucket: data, Key: key, UploadId: up.UploadId, PartNumber: aws.Int32(3), CopySource: aws.String("data-bucket/source"), CopySourceRange: aws.String("bytes=10-99")})
	wantCode(j.T, err, "InvalidArgument")

	listed := must(j.ListParts(ctx, &sdk.ListPartsInput{Bucket: data, Key: key, UploadId: up.UploadId, MaxParts: aws.Int32(2)}))(j.T)
	if len(listed.Parts) != 2 || !*listed.IsTruncated || *listed.NextPartNumberMarker != "2" || *listed.Parts[1].ETag != *parts[1].ETag || listed.ChecksumAlgorithm != "CRC32" {
		j.Errorf("parts are %+v", listed)
	}
	uploads := must(j.ListMultipartUploads(ctx, &sdk.ListMultipartUploadsInput{Bucket: data, Prefix: aws.String("big")}))(j.T)
	if len(uploads.Uploads) != 1 || *uploads.Uploads[0].UploadId != *up.UploadId || *uploads.Uploads[0].Key != *key {
		j.Errorf("uploads are %+v", uploads.Uploads)
	}
	complete := &sdk.CompleteMultipartUploadInput{Bucket: data, Key: key, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{parts[1], parts[0]}}}
	_, err = j.CompleteMultipartUpload(ctx, complete)
	wantCode(j.T, err, "InvalidPartOrder")
	complete.MultipartUpload.Parts = parts
	done := must(j.CompleteMultipartUpload(ctx, complete))(j.T)
	if !strings.HasSuffix(*done.ETag, `-3"`) || !strings.HasSuffix(aws.ToString(done.ChecksumCRC32), "-3") || done.ChecksumType != "COMPOSITE" || !strings.HasSuffix(*done.Location, "/big/%C3%A9") {
		j.Errorf("completed: %+v", done)
	}
	must(j.CompleteMultipartUpload(ctx, complete))(j.T) // as after a lost answer
	if got := j.mustGet(*key); got != string(slices.Concat(contents...)) {
		j.Errorf("the object has %d bytes", len(got))
	}
	head := must(j.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: data, Key: key, PartNumber: aws.Int32(2)}))(j.T)
	if *head.PartsCount != 3 || *head.ContentLength != 5<<20+3 || *head.ContentType != "m/p" {
		j.Errorf("part 2 is %+v", head)
	}
	part := must(j.GetObject(ctx, &sdk.GetObjectInput{Bucket: data, Key: key, PartNumber: aws.Int32(3)}))(j.T)
	if b, _ := io.ReadAll(part.Body); string(b) != string(contents[2]) {
		j.Errorf("part 3 has %d bytes", len(b))
	}
	_, err = j.GetObject(ctx, &sdk.GetObjectInput{Bucket: data, Key: key, PartNumber: aws.Int32(4)})
	wantCode(j.T, err, "InvalidPartNumber")

	full := must(j.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{Bucket: data, Key: key, ChecksumAlgorithm: "CRC64NVME"}))(j.T)
	if full.ChecksumType != "FULL_OBJECT" {
		j.Errorf("the type of CRC64NVME is %s", full.ChecksumType)
	}
	one := must(j.UploadPart(ctx, &sdk.UploadPartInput{Bucket: data, Key: key, UploadId: full.UploadId, PartNumber: aws.Int32(1), Body: bytes.NewReader(contents[0]), ChecksumAlgorithm: "CRC64NVME"}))(j.T)
	two := must(j.UploadPart(ctx, &sdk.UploadPartInput{Bucket: data, Key: key, UploadId: full.UploadId, PartNumber: aws.Int32(2), Body: bytes.NewReader(contents[2]), ChecksumAlgorithm: "CRC64NVME"}))(j.T)
	must(j.CompleteMultipartUpload(ctx, &sdk.CompleteMultipartUploadInput{Bucket: data, Key: key, UploadId: full.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{
		{PartNumber: aws.Int32(1), ETag: one.ETag}, {PartNumber: aws.Int32(2), ETag: two.ETag},
	}}}))(j.T)
	if got := j.mustGet(*key); got != string(contents[0])+string(contents[2]) { // the SDK verifies the whole's checksum
		j.Errorf("the object has %d bytes", len(got))
	}

	abort := must(j.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{Bucket: data, Key: key}))(j.T)
	must(j.AbortMultipartUpload(ctx, &sdk.AbortMultipartUploadInput{Bucket: data, Key: key, UploadId: abort.UploadId}))(j.T)
	_, err = j.UploadPart(ctx, &sdk.UploadPartInput{Bucket: data, Key: key, UploadId: abort.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
	wantCode(j.T, err, "NoSuchUpload")
}

func (j *journey) website() {
	ctx := j.Context()
	_, err := j.GetBucketWebsite(ctx, &sdk.GetBucketWebsiteInput{Bucket: data})
	wantCode(j.T, err, "NoSuchWebsiteConfiguration")
	conf := &types.WebsiteConfiguration{IndexDocument: &types.IndexDocument{Suffix: aws.String("index.html")}, ErrorDocument: &types.ErrorDocument{Key: aws.String("error.html")}}
	must(j.PutBucketWebsite(ctx, &sdk.PutBucketWebsiteInput{Bucket: data, WebsiteConfiguration: conf}))(j.T)
	got := must(j.GetBucketWebsite(ctx, &sdk.GetBucketWebsiteInput{Bucket: data}))(j.T)
	if *got.IndexDocument.Suffix != "index.html" || *got.ErrorDocument.Key != "error.html" {
		j.Errorf("the website is %+v", got)
	}
	_, err = j.PutBucketWebsite(ctx, &sdk.PutBucketWebsiteInput{Bucket: data, WebsiteConfiguration: &types.WebsiteConfiguration{RedirectAllRequestsTo: &types.RedirectAllRequestsTo{HostName: aws.String("x")}}})
	wantCode(j.T, err, "NotImplemented")
	must(j.DeleteBucketWebsite(ctx, &sdk.DeleteBucketWebsiteInput{Bucket: data}))(j.T)
}

func (j *journey) deletes() {
	ctx := j.Context()
	for range 2 {
		must(j.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: data, Key: aws.String("conditional")}))(j.T)
	}
	_, err := j.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: data})
	wantCode(j.T, err, "BucketNotEmpty")
	for _, quiet := range []bool{true, false} {
		out := must(j.DeleteObjects(ctx, &sdk.DeleteObjectsInput{Bucket: data, Delete: &types.Delete{Quiet: &quiet, Objects: []types.ObjectIdentifier{
			{Key: aws.String("a//b")}, {Key: aws.String("absent")}, {Key: aws.String("ключ"), VersionId: aws.String("null")}, {Key: aws.String("a b+c"), VersionId: aws.String("other")},
		}}}))(j.T)
		if len(out.Errors) != 1 || *out.Errors[0].Code != "NoSuchVersion" || *out.Errors[0].Key != "a b+c" || (len(out.Deleted) == 3) == quiet {
			j.Errorf("deleted quietly %v: %+v %+v", quiet, out.Deleted, out.Errors)
		}
	}
	for _, bucket := range []*string{data, aws.String("list-bucket")} {
		for pages := sdk.NewListObjectsV2Paginator(j.Client, &sdk.ListObjectsV2Input{Bucket: bucket}); pages.HasMorePages(); {
			var objects []types.ObjectIdentifier
			for _, o := range must(pages.NextPage(ctx))(j.T).Contents {
				objects = append(objects, types.ObjectIdentifier{Key: o.Key})
			}
			must(j.DeleteObjects(ctx, &sdk.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: objects}}))(j.T)
		}
		must(j.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: bucket}))(j.T)
	}
}
