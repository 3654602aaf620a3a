package iam_test

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
)

// The key and the signatures in this file are the examples that AWS publishes in
// the S3 API reference and user guide; they tie the code to the specification
// and not to another implementation.
var exampleKey = iam.Key{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}

func exampleService(t testing.TB, at time.Time) *iam.Service {
	t.Helper()
	s, err := iam.New(iam.Config{RootKey: exampleKey, AccountID: "123456789012", Region: "us-east-1", Now: func() time.Time { return at },
		BucketOfHost: func(host string) string {
			bucket, _, ok := strings.Cut(host, ".s3.amazonaws.com")
			if !ok {
				return ""
			}
			return bucket
		}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parseRequest(t testing.TB, text string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n"))))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const exampleCredential = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"

func TestPublishedExamples(t *testing.T) {
	t.Parallel()
	v4 := time.Date(2013, 5, 24, 0, 5, 0, 0, time.UTC)
	v2 := time.Date(2007, 3, 27, 19, 36, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		at      time.Time
		request string
	}{
		"get object with range": {v4, "GET /test.txt HTTP/1.1\nHost: examplebucket.s3.amazonaws.com\nRange: bytes=0-9\n" +
			"x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nx-amz-date: 20130524T000000Z\nAuthorization: " +
			exampleCredential + "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date," +
			"Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41\n\n"},
		"put object": {v4, "PUT /test%24file.text HTTP/1.1\nHost: examplebucket.s3.amazonaws.com\nDate: Fri, 24 May 2013 00:00:00 GMT\n" +
			"x-amz-date: 20130524T000000Z\nx-amz-storage-class: REDUCED_REDUNDANCY\nContent-Length: 21\n" +
			"x-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\nAuthorization: " +
			exampleCredential + "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class," +
			"Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd\n\nWelcome to Amazon S3."},
		"get bucket lifecycle": {v4, "GET /?lifecycle HTTP/1.1\nHost: examplebucket.s3.amazonaws.com\n" +
			"x-amz-date: 20130524T000000Z\nx-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nAuthorization: " +
			exampleCredential + "SignedHeaders=host;x-amz-content-sha256;x-amz-date," +
			"Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543\n\n"},
		"list objects": {v4, "GET /?max-keys=2&prefix=J HTTP/1.1\nHost: examplebucket.s3.amazonaws.com\n" +
			"x-amz-date: 20130524T000000Z\nx-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nAuthorization: " +
			exampleCredential + "SignedHeaders=host;x-amz-content-sha256;x-amz-date," +
			"Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7\n\n"},
		"presigned": {v4, "GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
			"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
			"&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404 HTTP/1.1\nHost: examplebucket.s3.amazonaws.com\n\n"},
		"version 2 header": {v2, "GET /photos/puppy.jpg HTTP/1.1\nHost: johnsmith.s3.amazonaws.com\nDate: Tue, 27 Mar 2007 19:36:42 +0000\n" +
			"Authorization: AWS AKIAIOSFODNN7EXAMPLE:bWq2s1WEIj+Ydj0vQ697zp+IXMU=\n\n"},
		"version 2 put": {v2.Add(94 * time.Minute), "PUT /photos/puppy.jpg HTTP/1.1\nContent-Type: image/jpeg\nContent-Length: 0\nHost: johnsmith.s3.amazonaws.com\n" +
			"Date: Tue, 27 Mar 2007 21:15:45 +0000\nAuthorization: AWS AKIAIOSFODNN7EXAMPLE:MyyxeRY7whkBe+bq8fHCL/2kKUg=\n\n"},
		"version 2 list, query not signed": {v2, "GET /?prefix=photos&max-keys=50&marker=puppy HTTP/1.1\nUser-Agent: Mozilla/5.0\nHost: johnsmith.s3.amazonaws.com\n" +
			"Date: Tue, 27 Mar 2007 19:42:41 +0000\nAuthorization: AWS AKIAIOSFODNN7EXAMPLE:htDYFYduRNen8P9ZfE/s9SuKy0U=\n\n"},
		"version 2 sub-resource": {v2, "GET /?acl HTTP/1.1\nHost: johnsmith.s3.amazonaws.com\nDate: Tue, 27 Mar 2007 19:44:46 +0000\n" +
			"Authorization: AWS AKIAIOSFODNN7EXAMPLE:c2WLPFtWHVgbEmeEG93a4cG37dM=\n\n"},
		"version 2 presigned": {v2, "GET /photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620 HTTP/1.1\n" +
			"Host: johnsmith.s3.amazonaws.com\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, err := exampleService(t, c.at).Verify(parseRequest(t, c.request))
			if err != nil {
				t.Fatalf("%v (%s)", err, errs.CodeOf(err))
			}
			if want := "arn:aws:sts::123456789012:assumed-role/SageMakerRole/local"; res.Principal.ARN != want || res.Service != "s3" || res.Region != "us-east-1" {
				t.Errorf("got %+v", res)
			}
			// One second is another signature.
			if _, err := exampleService(t, c.at).Verify(parseRequest(t, strings.NewReplacer("T000000Z", "T000001Z", ":42 ", ":43 ", ":45 ", ":44 ", ":41 ", ":40 ",
				":46 ", ":47 ", "=1175139620", "=1175139621").Replace(c.request))); errs.CodeOf(err) != iam.CodeMismatch {
				t.Errorf("with another time: got %v, want %s", err, iam.CodeMismatch)
			}
		})
	}
}

func TestPublishedChunkSignatures(t *testing.T) {
	t.Parallel()
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	head := func(payload, extra, headers, signature string) string {
		return "PUT /examplebucket/chunkObject.txt HTTP/1.1\nHost: s3.amazonaws.com\nx-amz-date: 20130524T000000Z\n" +
			"x-amz-storage-class: REDUCED_REDUNDANCY\nx-amz-content-sha256: " + payload + "\nContent-Encoding: aws-chunked\n" + extra +
			"x-amz-decoded-content-length: 66560\nAuthorization: " + exampleCredential +
			"SignedHeaders=content-encoding;" + headers + "x-amz-storage-class,Signature=" + signature + "\n\n"
	}
	const plain = "content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
	const trailer = "host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
	full, rest := bytes.Repeat([]byte("a"), 64<<10), bytes.Repeat([]byte("a"), 1024)
	for name, c := range map[string]struct {
		request        string
		signatures     [3]string
		trailer, after string
	}{
		"chunks": {head("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "Content-Length: 66824\n", plain, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"),
			[3]string{"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
				"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
				"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"}, "", ""},
		"chunks and trailer": {head("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "x-amz-trailer: x-amz-checksum-crc32c\n",
			trailer, "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"),
			[3]string{"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
				"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
				"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"},
			"x-amz-checksum-crc32c:sOO8/Q==\n", "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := c.request
			if c.trailer != "" {
				request = strings.Replace(request, "x-amz-storage-class,Signature", "x-amz-storage-class;x-amz-trailer,Signature", 1)
			}
			res, err := exampleService(t, at).Verify(parseRequest(t, request))
			if err != nil {
				t.Fatal(err)
			}
			if res.Chunks == nil {
				t.Fatal("no chunk verifier")
			}
			for i, chunk := range [][]byte{full, rest, nil} {
				if err := res.Chunks.VerifyChunk(c.signatures[i], chunk); err != nil {
					t.Fatalf("chunk %d: %v", i, err)
				}
			}
			if c.trailer != "" {
				if err := res.Chunks.VerifyTrailer(c.after, []byte(c.trailer)); err != nil {
					t.Fatal(err)
				}
			}
			// A changed chunk is refused, and so is what follows it.
			res, err = exampleService(t, at).Verify(parseRequest(t, request))
			if err != nil {
				t.Fatal(err)
			}
			if err := res.Chunks.VerifyChunk(c.signatures[0], rest); errs.CodeOf(err) != iam.CodeMismatch {
				t.Errorf("changed chunk: got %v", err)
			}
			if err := res.Chunks.VerifyChunk(c.signatures[0], full); errs.CodeOf(err) != iam.CodeMismatch {
				t.Errorf("chunk after a changed one: got %v", err)
			}
			// Chunks in another order are refused.
			res, _ = exampleService(t, at).Verify(parseRequest(t, request))
			if err := res.Chunks.VerifyChunk(c.signatures[1], rest); errs.CodeOf(err) != iam.CodeMismatch {
				t.Errorf("second chunk first: got %v", err)
			}
		})
	}
}
