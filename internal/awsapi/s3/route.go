package s3

import (
	"net/http"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/iam"
)

// scope is what a request is about.
type scope uint8

const (
	service scope = iota
	bucket
	object
)

// operation is one line of the table of what is offered.
type operation struct {
	method string
	scope  scope
	sub    string // query parameter that must be there, or ""
	header string // header that must be there, or ""
	name   string
	needs  needs
	do     func(*call) error
}

// needs are the actions of an operation, separated by spaces: the first is
// authorised on the bucket or object before anything else, what follows by do, on
// what else the request names. After the word each, do authorises the action on
// each object that the request names, and answers for each.
type needs string

// front is the action to authorise before anything else, or "".
func (n needs) front() string {
	action, _, _ := strings.Cut(string(n), " ")
	if action == "each" {
		return ""
	}
	return action
}

// operations are tried from top to bottom. A request with a sub-resource that
// finds no line of its own is refused, so the lines without sub are safe.
var operations = []operation{
	{"GET", service, "", "", "ListBuckets", "s3:ListAllMyBuckets", (*call).listBuckets},

	{"GET", bucket, "location", "", "GetBucketLocation", "s3:GetBucketLocation", (*call).getBucketLocation},
	{"GET", bucket, "versioning", "", "GetBucketVersioning", "s3:GetBucketVersioning", (*call).getBucketVersioning},
	{"GET", bucket, "acl", "", "GetBucketAcl", "s3:GetBucketAcl", (*call).getACL},
	{"GET", bucket, "policy", "", "GetBucketPolicy", "s3:GetBucketPolicy", (*call).getPolicy},
	{"PUT", bucket, "policy", "", "PutBucketPolicy", "s3:PutBucketPolicy", (*call).putPolicy},
	{"DELETE", bucket, "policy", "", "DeleteBucketPolicy", "s3:DeleteBucketPolicy", (*call).deletePolicy},
	{"GET", bucket, "policyStatus", "", "GetBucketPolicyStatus", "s3:GetBucketPolicyStatus", (*call).getPolicyStatus},
	{"GET", bucket, "website", "", "GetBucketWebsite", "s3:GetBucketWebsite", (*call).getWebsite},
	{"PUT", bucket, "website", "", "PutBucketWebsite", "s3:PutBucketWebsite", (*call).putWebsite},
	{"DELETE", bucket, "website", "", "DeleteBucketWebsite", "s3:DeleteBucketWebsite", (*call).deleteWebsite},
	{"GET", bucket, "uploads", "", "ListMultipartUploads", "s3:ListBucketMultipartUploads", (*call).listUploads},
	{"GET", bucket, "versions", "", "ListObjectVersions", "s3:ListBucketVersions", (*call).listVersions},
	{"POST", bucket, "delete", "", "DeleteObjects", "each s3:DeleteObject", (*call).deleteObjects},
	{"GET", bucket, "", "", "ListObjects", "s3:ListBucket", (*call).listObjects},
	{"HEAD", bucket, "", "", "HeadBucket", "s3:ListBucket", (*call).headBucket},
	{"PUT", bucket, "", "", "CreateBucket", "s3:CreateBucket", (*call).createBucket},
	{"DELETE", bucket, "", "", "DeleteBucket", "s3:DeleteBucket", (*call).deleteBucket},

	{"GET", object, "acl", "", "GetObjectAcl", "s3:GetObjectAcl", (*call).getACL},
	{"GET", object, "tagging", "", "GetObjectTagging", "s3:GetObjectTagging", (*call).getObjectTagging},
	{"GET", object, "uploadId", "", "ListParts", "s3:ListMultipartUploadParts", (*call).listParts},
	{"POST", object, "uploads", "", "CreateMultipartUpload", "s3:PutObject", (*call).createUpload},
	{"PUT", object, "uploadId", "X-Amz-Copy-Source", "UploadPartCopy", "s3:PutObject s3:GetObject", (*call).uploadPartCopy},
	{"PUT", object, "uploadId", "", "UploadPart", "s3:PutObject", (*call).uploadPart},
	{"POST", object, "uploadId", "", "CompleteMultipartUpload", "s3:PutObject", (*call).completeUpload},
	{"DELETE", object, "uploadId", "", "AbortMultipartUpload", "s3:AbortMultipartUpload", (*call).abortUpload},
	{"PUT", object, "", "X-Amz-Copy-Source", "CopyObject", "s3:PutObject s3:GetObject", (*call).copyObject},
	{"PUT", object, "", "", "PutObject", "s3:PutObject", (*call).putObject},
	{"GET", object, "", "", "GetObject", "s3:GetObject", (*call).getObject},
	{"HEAD", object, "", "", "HeadObject", "s3:GetObject", (*call).getObject},
	{"DELETE", object, "", "", "DeleteObject", "s3:DeleteObject", (*call).deleteObject},
}

// subresources are the query parameters that make a request another operation.
var subresources = []string{
	"abac", "accelerate", "acl", "analytics", "attributes", "cors", "delete", "encryption", "intelligent-tiering", "inventory",
	"legal-hold", "lifecycle", "location", "logging", "metadataConfiguration", "metadataTable", "metrics", "notification", "object-lock",
	"ownershipControls", "policy", "policyStatus", "publicAccessBlock", "renameObject", "replication", "requestPayment", "restore", "retention",
	"select", "session", "tagging", "torrent", "uploadId", "uploads", "versioning", "versions", "website",
}

// Operations lists what is offered, with the action of each.
func (h *handler) Operations() (all []iam.Declared) {
	paths := map[scope]string{service: "/", bucket: "/{bucket}", object: "/{bucket}/{key...}"}
	for _, op := range operations {
		actions := strings.Fields(strings.TrimPrefix(string(op.needs), "each "))
		all = append(all, iam.Declared{Service: "s3", Operation: op.name, Protocol: "rest-xml", Method: op.method, Path: paths[op.scope],
			Query: op.sub, Header: op.header, Action: actions[0], Also: actions[1:], Each: op.needs.front() == ""})
	}
	return all
}

// route finds the operation of a request.
func (c *call) route() (*operation, error) {
	about := object
	if c.key == "" {
		about = bucket
	}
	if c.bucket == "" {
		about = service
		if c.key != "" {
			return nil, invalid("InvalidURI", "Couldn't parse the specified URI: it names no bucket.")
		}
	}
	sub := ""
	for _, name := range subresources {
		if c.query.Has(name) {
			sub = name
			break
		}
	}
	for i, op := range operations {
		if op.method == c.r.Method && op.scope == about && op.sub == sub && (op.header == "" || c.r.Header.Get(op.header) != "") {
			return &operations[i], c.checkVersion()
		}
	}
	switch {
	case sub != "":
		return nil, notImplemented("The sub-resource ?%s is not offered by this server for %s requests.", sub, c.r.Method)
	case about == bucket && c.r.Method == http.MethodPost:
		return nil, notImplemented("Uploads by HTML form are not offered by this server; use PUT.")
	case !slices.Contains([]string{"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"}, c.r.Method):
		return nil, invalid("BadRequest", "An error occurred when parsing the HTTP request.")
	}
	return nil, methodNotAllowed()
}

// checkVersion refuses all versions but "null", the one of each object that an
// unversioned bucket has.
func (c *call) checkVersion() error {
	if v := c.query.Get("versionId"); v != "" && v != "null" {
		return noSuchVersion()
	}
	return nil
}
