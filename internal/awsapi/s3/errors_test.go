package s3_test

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/awsapi/s3"
	"github.com/heliograph/heliograph/internal/blob"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustBucket(t, "data")
	s.mustPut(t, "data", "k", "content")
	long := "/data/" + strings.Repeat("k", 1025)
	for _, tt := range []struct {
		request string // method, path, headers separated by "|"
		body    string
		status  int
		code    string
	}{
		{"GET|/data/absent", "", 404, "NoSuchKey"},
		{"GET|/absent/k", "", 404, "NoSuchBucket"},
		{"GET|/absent", "", 404, "NoSuchBucket"},
		{"GET|/absent?max-keys=0", "", 404, "NoSuchBucket"},
		{"GET|" + long, "", 400, "KeyTooLongError"},
		{"PUT|" + long, "x", 400, "KeyTooLongError"},
		{"GET|/data/%ff", "", 400, "InvalidURI"},
		{"GET|//k", "", 400, "InvalidURI"},
		{"GET|/data/k?a=%zz", "", 400, "InvalidURI"},
		{"GET|/data/k?versionId=abc", "", 404, "NoSuchVersion"},
		{"DELETE|/data/k?versionId=abc", "", 404, "NoSuchVersion"},
		{"PUT|/Bad_Bucket", "", 400, "InvalidBucketName"},
		{"PUT|/data", "", 409, "BucketAlreadyOwnedByYou"},
		{"DELETE|/data", "", 409, "BucketNotEmpty"},
		{"GET|/data/k?torrent", "", 501, "NotImplemented"},
		{"PUT|/data?cors", "{}", 501, "NotImplemented"},
		{"PUT|/data/k?acl", "x", 501, "NotImplemented"},
		{"DELETE|/data?acl", "", 501, "NotImplemented"},
		{"POST|/data/k?restore", "", 501, "NotImplemented"},
		{"POST|/data", "form", 501, "NotImplemented"},
		{"POST|/data/k", "", 405, "MethodNotAllowed"},
		{"OPTIONS|/data/k", "", 405, "MethodNotAllowed"},
		{"PUT|/", "", 405, "MethodNotAllowed"},
		{"PATCH|/data/k", "", 400, "BadRequest"},
		{"PUT|/data/k|If-None-Match: \"etag\"", "x", 501, "NotImplemented"},
		{"PUT|/data/k|If-None-Match: *|If-Match: x", "x", 501, "NotImplemented"},
		{"PUT|/data/k|If-None-Match: *", "x", 412, "PreconditionFailed"},
		{"PUT|/data/absent|If-Match: x", "x", 404, "NoSuchKey"},
		{"DELETE|/data/k|If-Match: x", "", 501, "NotImplemented"},
		{"PUT|/data/k|X-Amz-Tagging: a=b", "x", 501, "NotImplemented"},
		{"PUT|/data/k|X-Amz-Storage-Class: GLACIER", "x", 501, "NotImplemented"},
		{"PUT|/data/k|X-Amz-Object-Lock-Mode: GOVERNANCE", "x", 501, "NotImplemented"},
		{"PUT|/data/k|X-Amz-Grant-Read: id=1", "x", 400, "AccessControlListNotSupported"},
		{"GET|/data/k|X-Amz-Server-Side-Encryption-Customer-Algorithm: AES256", "", 501, "NotImplemented"},
		{"PUT|/another|X-Amz-Bucket-Object-Lock-Enabled: true", "", 501, "NotImplemented"},
		{"PUT|/data/k|X-Amz-Meta-Big: " + strings.Repeat("v", 2048), "x", 400, "MetadataTooLarge"},
		{"PUT|/data/k|Content-Md5: !", "x", 400, "InvalidDigest"},
		{"PUT|/data/k|X-Amz-Checksum-Crc32: !", "x", 400, "InvalidRequest"},
		{"PUT|/data/k|X-Amz-Checksum-Crc32: AAAAAA==|X-Amz-Checksum-Crc32c: AAAAAA==", "x", 400, "InvalidRequest"},
		{"PUT|/data/k|X-Amz-Sdk-Checksum-Algorithm: CRC32", "x", 400, "InvalidRequest"},
		{"PUT|/data/k|X-Amz-Sdk-Checksum-Algorithm: MD4", "x", 400, "InvalidRequest"},
		{"PUT|/data/k|X-Amz-Copy-Source: nonsense", "", 400, "InvalidArgument"},
		{"PUT|/data/k|X-Amz-Copy-Source: %zz/k", "", 400, "InvalidArgument"},
		{"PUT|/data/l|X-Amz-Copy-Source: data/k|X-Amz-Metadata-Directive: MERGE", "", 400, "InvalidArgument"},
		{"PUT|/data/l|X-Amz-Copy-Source: data/k|X-Amz-Checksum-Algorithm: CRC16", "", 400, "InvalidRequest"},
		{"PUT|/data/l|X-Amz-Copy-Source: data/k|X-Amz-Source-Expected-Bucket-Owner: 1", "", 403, "AccessDenied"},
		{"GET|/data/k|X-Amz-Expected-Bucket-Owner: 1", "", 403, "AccessDenied"},
		{"GET|/data/k?partNumber=0", "", 400, "InvalidArgument"},
		{"GET|/data/k?partNumber=2", "", 416, "InvalidPartNumber"},
		{"GET|/data/k?partNumber=1|Range: bytes=0-1", "", 400, "InvalidRequest"},
		{"GET|/data?list-type=3", "", 400, "InvalidArgument"},
		{"GET|/data?max-keys=-1", "", 400, "InvalidArgument"},
		{"GET|/data?max-keys=x", "", 400, "InvalidArgument"},
		{"GET|/data?encoding-type=base64", "", 400, "InvalidArgument"},
		{"GET|/data?uploads&max-uploads=x", "", 400, "InvalidArgument"},
		{"GET|/data?uploads&encoding-type=x", "", 400, "InvalidArgument"},
		{"GET|/?max-buckets=0", "", 400, "InvalidArgument"},
		{"GET|/?continuation-token=x", "", 400, "InvalidArgument"},
		{"PUT|/data/k?uploadId=u&partNumber=x", "x", 400, "InvalidArgument"},
		{"PUT|/data/k?uploadId=u&partNumber=0", "x", 400, "InvalidArgument"},
		{"PUT|/data/k?uploadId=u&partNumber=1", "x", 404, "NoSuchUpload"},
		{"GET|/data/k?uploadId=u&part-number-marker=-1", "", 400, "InvalidArgument"},
		{"GET|/data/k?uploadId=u", "", 404, "NoSuchUpload"},
		{"POST|/data/k?uploads|X-Amz-Checksum-Algorithm: MD4", "", 400, "InvalidRequest"},
		{"POST|/data/k?uploads|X-Amz-Checksum-Type: FULL_OBJECT", "", 400, "InvalidRequest"},
		{"POST|/data/k?uploads|X-Amz-Checksum-Algorithm: SHA1|X-Amz-Checksum-Type: FULL_OBJECT", "", 400, "InvalidRequest"},
		{"POST|/data/k?uploads|X-Amz-Checksum-Algorithm: CRC64NVME|X-Amz-Checksum-Type: COMPOSITE", "", 400, "InvalidRequest"},
		{"POST|/data/k?uploads|X-Amz-Checksum-Algorithm: CRC32|X-Amz-Checksum-Type: HALF", "", 400, "InvalidRequest"},
		{"POST|/data/k?uploadId=u", "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>", 404, "NoSuchUpload"},
		{"POST|/data/k?uploadId=u", "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>", 400, "MalformedXML"},
		{"POST|/data/k?uploadId=u", "<CompleteMultipartUpload><Part><PartNumber>one</PartNumber></Part></CompleteMultipartUpload>", 400, "MalformedXML"},
		{"POST|/data/k?uploadId=u", "<CompleteMultipartUpload>" + strings.Repeat("<Part><ETag>x</ETag></Part>", 10001) + "</CompleteMultipartUpload>", 400, "MalformedXML"},
		{"POST|/data/k?uploadId=u", "", 400, "MalformedXML"},
		{"POST|/data?delete", "", 400, "MalformedXML"},
		{"POST|/data?delete", "<Delete>", 400, "MalformedXML"},
		{"POST|/data?delete", "<Delete></Delete>", 400, "MalformedXML"},
		{"POST|/data?delete", "<Remove/>", 400, "MalformedXML"},
		{"POST|/data?delete", "<Delete><Object></Object></Delete>", 400, "MalformedXML"},
		{"POST|/data?delete", "<Delete><Quiet>maybe</Quiet></Delete>", 400, "MalformedXML"},
		{"POST|/data?delete", "<Delete>" + strings.Repeat("<Object><Key>k</Key></Object>", 1001) + "</Delete>", 400, "MalformedXML"},
		{"POST|/data?delete", strings.Repeat(" ", 8<<20+1), 400, "EntityTooLarge"},
		{"POST|/data?delete|Content-Md5: AAAAAAAAAAAAAAAAAAAAAA==", "<Delete><Object><Key>k</Key></Object></Delete>", 400, "BadDigest"},
		{"POST|/data?delete|X-Amz-Checksum-Crc32: AAAAAA==", "<Delete><Object><Key>k</Key></Object></Delete>", 400, "BadDigest"},
		{"POST|/absent?delete", "<Delete><Object><Key>k</Key></Object></Delete>", 404, "NoSuchBucket"},
		{"PUT|/data?website", "<WebsiteConfiguration></WebsiteConfiguration>", 400, "InvalidArgument"},
		{"PUT|/data?website", "nonsense", 400, "MalformedXML"},
		{"GET|/data?policy", "", 404, "NoSuchBucketPolicy"},
		{"GET|/data?policyStatus", "", 404, "NoSuchBucketPolicy"},
		{"GET|/absent?policy", "", 404, "NoSuchBucket"},
		{"PUT|/absent?policy", `{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::absent"}}`, 404, "NoSuchBucket"},
		{"PUT|/data?policy", "", 400, "MalformedPolicy"},
		{"PUT|/data?policy", "{}", 400, "MalformedPolicy"},
		{"PUT|/data?policy", `{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::data"}}`, 400, "MalformedPolicy"},
		{"PUT|/data?policy", `{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}}`, 400, "MalformedPolicy"},
		{"PUT|/data?policy", `{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::data2/*"}}`, 400, "MalformedPolicy"},
		{"PUT|/data?policy", `{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "NotResource": "arn:aws:s3:::other/*"}}`, 400, "MalformedPolicy"},
		{"PUT|/data?policy", `{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "iam:GetUser", "Resource": "arn:aws:s3:::data"}}`, 400, "MalformedPolicy"},
		{"PUT|/data?policy", `{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data"}}`, 400, "MalformedPolicy"},
		{"PUT|/data?policy", `{"Statement": {"Effect": "Allow", "Principal": "*", "Action": ["s3:ListBucket"], "Resource": "arn:aws:s3:::data/*"}}`, 400, "MalformedPolicy"},
		{"PUT|/data?policy", `{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::data/` + strings.Repeat("x", 20<<10) + `"}}`, 400, "MalformedPolicy"},
		{"PUT|/data?website", strings.Repeat(" ", 1<<20+1), 400, "EntityTooLarge"},
		{"PUT|/new-bucket", "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>", 400, "IllegalLocationConstraintException"},
		{"PUT|/new-bucket", "<Other/>", 400, "MalformedXML"},
	} {
		t.Run(strings.NewReplacer("/", "∕", "\n", "").Replace(tt.request)[:min(len(tt.request), 60)], func(t *testing.T) {
			f := strings.Split(tt.request, "|")
			s.do(t, f[0], f[1], tt.body, f[2:]...).want(t, tt.status, tt.code)
		})
	}
	if got := s.content(t, "data", "k"); got != "content" {
		t.Errorf("after all these errors the object is %q", got)
	}
	if got := s.log.String(); got != "" {
		t.Errorf("faults of callers are in the log: %s", got)
	}
}

func TestHeadErrorsHaveNoBody(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustBucket(t, "data")
	s.refused["s3:ListBucket arn:aws:s3:::secret"] = true
	for path, status := range map[string]int{"/absent": 404, "/data/absent": 404, "/secret": 403} {
		a := s.do(t, "HEAD", path, "")
		if a.status != status || a.body != "" || a.header.Get("X-Amz-Request-Id") == "" || a.header.Get("X-Amz-Id-2") == "" {
			t.Errorf("HEAD %s: %+v, want status %d", path, a, status)
		}
	}
}

// TestAuthorize asserts what is asked for each operation, and that a refusal
// comes before anything else is told or done.
func TestAuthorize(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		method, path, body, header string
		asked                      []string
	}{
		{"GET", "/", "", "", []string{"s3:ListAllMyBuckets arn:aws:s3:::*"}},
		{"PUT", "/b-new", "", "", []string{"s3:CreateBucket arn:aws:s3:::b-new"}},
		{"HEAD", "/data", "", "", []string{"s3:ListBucket arn:aws:s3:::data"}},
		{"GET", "/data", "", "", []string{"s3:ListBucket arn:aws:s3:::data"}},
		{"GET", "/data?list-type=2", "", "", []string{"s3:ListBucket arn:aws:s3:::data"}},
		{"GET", "/data?versions", "", "", []string{"s3:ListBucketVersions arn:aws:s3:::data"}},
		{"GET", "/data?uploads", "", "", []string{"s3:ListBucketMultipartUploads arn:aws:s3:::data"}},
		{"GET", "/data?location", "", "", []string{"s3:GetBucketLocation arn:aws:s3:::data"}},
		{"GET", "/data?versioning", "", "", []string{"s3:GetBucketVersioning arn:aws:s3:::data"}},
		{"GET", "/data?acl", "", "", []string{"s3:GetBucketAcl arn:aws:s3:::data"}},
		{"GET", "/data?policy", "", "", []string{"s3:GetBucketPolicy arn:aws:s3:::data"}},
		{"PUT", "/data?policy", "{}", "", []string{"s3:PutBucketPolicy arn:aws:s3:::data"}},
		{"DELETE", "/data?policy", "", "", []string{"s3:DeleteBucketPolicy arn:aws:s3:::data"}},
		{"GET", "/data?policyStatus", "", "", []string{"s3:GetBucketPolicyStatus arn:aws:s3:::data"}},
		{"GET", "/data?website", "", "", []string{"s3:GetBucketWebsite arn:aws:s3:::data"}},
		{"PUT", "/data?website", "", "", []string{"s3:PutBucketWebsite arn:aws:s3:::data"}},
		{"DELETE", "/data?website", "", "", []string{"s3:DeleteBucketWebsite arn:aws:s3:::data"}},
		{"DELETE", "/data", "", "", []string{"s3:DeleteBucket arn:aws:s3:::data"}},
		{"GET", "/data/a%2Fb", "", "", []string{"s3:GetObject arn:aws:s3:::data/a/b"}},
		{"HEAD", "/data/k", "", "", []string{"s3:GetObject arn:aws:s3:::data/k"}},
		{"GET", "/data/k?acl", "", "", []string{"s3:GetObjectAcl arn:aws:s3:::data/k"}},
		{"GET", "/data/k?tagging", "", "", []string{"s3:GetObjectTagging arn:aws:s3:::data/k"}},
		{"PUT", "/data/k", "x", "", []string{"s3:PutObject arn:aws:s3:::data/k"}},
		{"DELETE", "/data/k", "", "", []string{"s3:DeleteObject arn:aws:s3:::data/k"}},
		{"POST", "/data/k?uploads", "", "", []string{"s3:PutObject arn:aws:s3:::data/k"}},
		{"PUT", "/data/k?uploadId=u&partNumber=1", "x", "", []string{"s3:PutObject arn:aws:s3:::data/k"}},
		{"POST", "/data/k?uploadId=u", "", "", []string{"s3:PutObject arn:aws:s3:::data/k"}},
		{"DELETE", "/data/k?uploadId=u", "", "", []string{"s3:AbortMultipartUpload arn:aws:s3:::data/k"}},
		{"GET", "/data/k?uploadId=u", "", "", []string{"s3:ListMultipartUploadParts arn:aws:s3:::data/k"}},
		{"PUT", "/data/to", "", "X-Amz-Copy-Source: data/a/b", []string{"s3:PutObject arn:aws:s3:::data/to", "s3:GetObject arn:aws:s3:::data/a/b"}},
		{"PUT", "/data/to?uploadId=u&partNumber=1", "", "X-Amz-Copy-Source: /data/k", []string{"s3:PutObject arn:aws:s3:::data/to", "s3:GetObject arn:aws:s3:::data/k"}},
		{"POST", "/data?delete", "<Delete><Object><Key>k</Key></Object></Delete>", "", []string{"s3:DeleteObject arn:aws:s3:::data/k"}},
	} {
		t.Run(tt.method+" "+strings.ReplaceAll(tt.path, "/", "∕")+tt.header, func(t *testing.T) {
			t.Parallel()
			headers := []string{"Content-Type: text/plain"}
			if tt.header != "" {
				headers = append(headers, tt.header)
			}
			for i, want := range tt.asked {
				s := newServer(t)
				s.refused[want] = true
				if tt.path == "/data?delete" {
					s.mustBucket(t, "data")
					s.mustPut(t, "data", "k", "x")
				}
				a := s.do(t, tt.method, tt.path, tt.body, headers...)
				if tt.path == "/data?delete" { // each key for itself, in an answer of 200
					if a.status != 200 || !strings.Contains(a.body, "<Code>AccessDenied</Code>") || s.content(t, "data", "k") != "x" {
						t.Errorf("refused: %+v", a)
					}
				} else if a.status != http.StatusForbidden || tt.method != "HEAD" && !strings.Contains(a.body, "<Code>AccessDenied</Code>") {
					t.Errorf("refused %s: %+v", want, a)
				}
				if s.asked[0] != tt.asked[0] || !slices.Contains(s.asked, want) || len(s.asked) != i+1 {
					t.Errorf("asked %q, want %q", s.asked, tt.asked[:i+1])
				}
			}
		})
	}
	store, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	rec := httptest.NewRecorder()
	s3.New(store, s3.Options{}).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	if rec.Code != http.StatusForbidden {
		t.Errorf("without authorisation the status is %d", rec.Code)
	}
}

// TestInternalErrors damages what is on disk: the caller learns nothing but the
// request id, the log everything, once.
func TestInternalErrors(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustBucket(t, "data")
	s.mustPut(t, "data", "k", "content")
	path := s.objectFile(t)
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := s.do(t, "GET", "/data/k", "").want(t, 500, "InternalError")
	if strings.Contains(a.body, path) || strings.Contains(a.body, "footer") {
		t.Errorf("the caller learns %s", a.body)
	}
	log := s.log.String()
	for _, want := range []string{path, "operation=GetObject", "request_id=" + a.header.Get("X-Amz-Request-Id")} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is missing from the log: %s", want, log)
		}
	}
	if strings.Count(log, "\n") != 1 {
		t.Errorf("the log has not one line: %s", log)
	}
}

// objectFile returns the file of the store's only object.
func (s *server) objectFile(t *testing.T) (file string) {
	t.Helper()
	root, err := filepath.Abs(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, "#") {
			file = path
		}
		return err
	})
	if err != nil || file == "" {
		t.Fatalf("no object in %s: %v", root, err)
	}
	return file
}

// TestCutAnswer lets the disk fail while an object is sent: the client must not
// take the half for the whole.
func TestCutAnswer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustBucket(t, "data")
	s.mustPut(t, "data", "k", string(random(32<<20, 1)))
	resp, err := s.Client().Get(s.URL + "/data/k")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.CopyN(io.Discard, resp.Body, 1000); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(s.objectFile(t), 1<<20); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("%d bytes came and no error", n)
	}
	if log := s.log.String(); !strings.Contains(log, "operation=GetObject") {
		t.Errorf("the log says %q", log)
	}
}
